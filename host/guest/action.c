// SPDX-License-Identifier: GPL-2.0-or-later
/* What all actions on a guest have in common. There is one action at a time. See internal.h. */
#include "guest/internal.h"

void *guest_new_action(struct guest *guest, const struct guest_action_kind *kind,
		       action_done_function done, void *data)
{
	struct guest_action *action = g_malloc0(kind->size);

	g_assert(!guest->action);
	action->kind = kind;
	action->done = done;
	action->data = data;
	guest->action = action;
	return action;
}

void *guest_action_of(const struct guest *guest, const struct guest_action_kind *kind)
{
	return guest->action && guest->action->kind == kind ? guest->action : NULL;
}

void guest_begin_action_when_ready(struct guest *guest)
{
	struct guest_action *action = guest->action;

	if (!action || action->begun || guest->unread_answers || !guest->vm || guest->failed)
		return;
	if (guest_awaits_suspend(guest))
		return;
	if (action->kind->can_begin && !action->kind->can_begin(guest))
		return;
	action->begun = TRUE;
	action->kind->begin(guest, action);
}

void guest_count_action(struct guest *guest, const struct action_stats *stats)
{
	guest->actions++;
	if (stats->clocks_run)
		return;
	guest->pause_min_ns += stats->pause_min_ns;
	guest->pause_max_ns += stats->pause_max_ns;
}

static void release(struct guest_action *action)
{
	if (action->kind->release)
		action->kind->release(action);
	g_free(action);
}

void guest_free_action(struct guest *guest)
{
	if (guest->action)
		release(g_steal_pointer(&guest->action));
}

void guest_action_done(void *data, const struct action_stats *stats, const char *problem)
{
	struct guest *guest = data;
	struct guest_action *action = g_steal_pointer(&guest->action);
	gboolean releases = stats && action->kind->changes_vm;

	if (guest->failed) {
		release(action);
		return;
	}
	if (stats && action->kind->succeed)
		action->kind->succeed(guest, stats);
	guest_answer_waiting_questions(guest);
	action->done(action->data, stats, problem);
	release(action);
	/* This comes last: if the guest has ended in the new VM, its end is delivered now. */
	if (releases)
		guest->vmm->release_output(guest->vm);
}
