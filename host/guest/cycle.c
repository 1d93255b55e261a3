// SPDX-License-Identifier: GPL-2.0-or-later
/* Save/restore cycles of a guest, and carrying its memory. Both leave the guest in its VM. */
#include "guest/internal.h"

struct cycle {
	struct guest_action base;
	unsigned count;
};

static void begin_cycle(struct guest *guest, struct guest_action *action)
{
	struct cycle *cycle = (struct cycle *)action;

	guest->vmm->cycle(guest->vm, cycle->count, guest_action_done, guest);
}

static const char *waits_for_cycle(const struct guest *guest, const struct guest_action *action)
{
	return "in the middle of a save/restore cycle";
}

static const struct guest_action_kind cycle_kind = {
	.size = sizeof(struct cycle),
	.begin = begin_cycle,
	.succeed = guest_count_action,
	.waits_for = waits_for_cycle,
};

void guest_cycle(struct guest *guest, unsigned count, action_done_function done, void *data)
{
	struct cycle *cycle = guest_new_action(guest, &cycle_kind, done, data);

	cycle->count = count;
	guest_begin_action_when_ready(guest);
}

/* ---- carrying memory ---- */

static void begin_carrying(struct guest *guest, struct guest_action *action)
{
	guest->vmm->carry(guest->vm, guest_action_done, guest);
}

static const char *waits_for_carrying(const struct guest *guest, const struct guest_action *action)
{
	return "while its memory is carried";
}

static const struct guest_action_kind carry_kind = {
	.size = sizeof(struct guest_action),
	.begin = begin_carrying,
	.succeed = guest_count_action,
	.waits_for = waits_for_carrying,
};

void guest_carry(struct guest *guest, action_done_function done, void *data)
{
	guest_new_action(guest, &carry_kind, done, data);
	guest_begin_action_when_ready(guest);
}
