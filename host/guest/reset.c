// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Resets of a guest. A reset is done when the VMM says so and the new boot has said hello. For a
 * guest that does not speak the protocol the VMM's word is enough.
 */
#include "guest/internal.h"

struct reset {
	struct guest_action base;
	gboolean was_reset, booted;
	struct action_stats stats; /* what the VMM told of it */
};

static void finish_if_done(struct guest *guest, struct reset *reset)
{
	struct action_stats stats = reset->stats;

	if (!reset->was_reset || (console_speaks_protocol(guest->console) && !reset->booted))
		return;
	stats.total_ns = clock_ns(CLOCK_REALTIME) - stats.started;
	guest_action_done(guest, &stats, NULL);
}

static void on_reset(void *data, const struct action_stats *stats, const char *problem)
{
	struct guest *guest = data;
	struct reset *reset = (struct reset *)guest->action;

	if (problem) {
		guest_action_done(guest, NULL, problem);
		return;
	}
	reset->was_reset = TRUE;
	reset->stats = *stats;
	finish_if_done(guest, reset);
}

static void begin(struct guest *guest, struct guest_action *action)
{
	guest_expect_boot(guest);
	guest->vmm->reset(guest->vm, on_reset, guest);
}

/* A boot that comes before the reset has begun is not the one that the reset waits for. */
static void booted(struct guest *guest, struct guest_action *action)
{
	struct reset *reset = (struct reset *)action;

	reset->booted = action->begun;
	finish_if_done(guest, reset);
}

static const char *waits_for(const struct guest *guest, const struct guest_action *action)
{
	const struct reset *reset = (const struct reset *)action;

	return reset->was_reset ? "waits for the new boot's first line"
				: "in the middle of a reset";
}

static const struct guest_action_kind reset_kind = {
	.size = sizeof(struct reset),
	.begin = begin,
	.booted = booted,
	.waits_for = waits_for,
};

void guest_reset(struct guest *guest, action_done_function done, void *data)
{
	guest_new_action(guest, &reset_kind, done, data);
	guest_begin_action_when_ready(guest);
}
