// SPDX-License-Identifier: GPL-2.0-or-later
/* Pauses of a guest. */
#include "guest/internal.h"

struct pause {
	struct guest_action base;
	gint64 microseconds;
};

static void begin(struct guest *guest, struct guest_action *action)
{
	struct pause *pause = (struct pause *)action;

	guest->vmm->pause(guest->vm, pause->microseconds, guest_action_done, guest);
}

static const char *waits_for(const struct guest *guest, const struct guest_action *action)
{
	return "in the middle of a pause";
}

static const struct guest_action_kind pause_kind = {
	.size = sizeof(struct pause),
	.begin = begin,
	.succeed = guest_count_action,
	.waits_for = waits_for,
};

void guest_pause(struct guest *guest, gint64 microseconds, action_done_function done, void *data)
{
	struct pause *pause = guest_new_action(guest, &pause_kind, done, data);

	pause->microseconds = microseconds;
	guest_begin_action_when_ready(guest);
}
