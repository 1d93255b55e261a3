// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plans mixed, cancel-precopy and precopy-pause: actions of other plans, one after the other on the
 * same guest.
 *
 * What an action leaves behind shows in the next one. A migration that was broken off has started
 * and stopped the dirty log, and the next one relies on it. A migration gives the destination
 * addresses, which it must not use at a later pause if the guest has changed them. A reset begins a
 * machine whose clocks and dirty log other actions have set.
 *
 * `mixed` chooses at random, from the run's seed and the name of the test. So a test has the same
 * actions when it is run alone. At a test's first request a broken migration comes first, and a
 * whole one follows. At each further request there are one or two actions of all kinds. A reset
 * ends its request, and comes once in a test.
 *
 * The other two always do the same, for a bisection. `cancel-precopy` cancels a migration once to
 * three times, and then migrates the guest. `precopy-pause` does one thing at each request: it
 * migrates the guest at a test's first, pauses it at the second, and so on by turns.
 */
#include "plan/plan.h"

#define MOST_STEPS 2

static const struct plan *const broken[] = { &plan_cancel, &plan_dstkill };
static const struct plan *const whole[] = { &plan_precopy, &plan_postcopy, &plan_snapshot };
static const struct plan *const all[] = {
	&plan_pause,  &plan_precopy, &plan_postcopy, &plan_snapshot,
	&plan_cancel, &plan_dstkill, &plan_reset,
};

static gboolean is_possible(struct plan_run *run, const struct plan *plan)
{
	if (plan->capabilities & ~plan_uses(run->plan))
		return FALSE;
	return !plan->reboots || plan_can_reboot_now(run);
}

static const struct plan *one_of(struct plan_run *run, const struct plan *const *some, gsize count)
{
	const struct plan *possible[G_N_ELEMENTS(all)] = { NULL };
	gsize found = 0;

	for (gsize i = 0; i < count; i++)
		if (is_possible(run, some[i]))
			possible[found++] = some[i];
	return possible[g_rand_int_range(run->choices, 0, found)];
}

static const struct plan *choose(struct plan_run *run)
{
	gboolean first = run->requests == 1;

	if (!run->step)
		run->steps = first ? 2 : g_rand_int_range(run->choices, 1, MOST_STEPS + 1);
	if (run->step == run->steps)
		return NULL;
	if (!first)
		return one_of(run, all, G_N_ELEMENTS(all));
	return run->step ? one_of(run, whole, G_N_ELEMENTS(whole))
			 : one_of(run, broken, G_N_ELEMENTS(broken));
}

static const struct plan *cancel_then_precopy(struct plan_run *run)
{
	static const struct plan *const order[] = { &plan_cancel, &plan_precopy, NULL };

	return order[run->step];
}

static const struct plan *precopy_or_pause(struct plan_run *run)
{
	if (run->step)
		return NULL;
	return run->requests % 2 ? &plan_precopy : &plan_pause;
}

const struct plan plan_mixed = {
	.name = "mixed",
	.action = "action",
	.about = "pauses, whole and broken-off migrations, snapshots and resets in random order",
	.capabilities = VMM_CAN_PAUSE | VMM_CAN_MIGRATE | VMM_CAN_BREAK_MIGRATION | VMM_CAN_SAVE |
			VMM_CAN_RESET,
	.wishes = VMM_CAN_MIGRATE_POSTCOPY,
	.takes = OPTIONS_OF_A_MACHINE,
	.next = choose,
	.restores = TRUE,
};

const struct plan plan_cancel_precopy = {
	.name = "cancel-precopy",
	.action = "migration",
	.about = "a live migration that is cancelled in mid-flight, and then a whole one",
	.capabilities = VMM_CAN_MIGRATE | VMM_CAN_BREAK_MIGRATION,
	.takes = OPTIONS_OF_A_BROKEN_MIGRATION | OPTION_PEEK,
	.next = cancel_then_precopy,
	/* `mixed` has this order, too, among others. */
	.only_by_name = TRUE,
	.restores = TRUE,
};

const struct plan plan_precopy_pause = {
	.name = "precopy-pause",
	.action = "action",
	.about = "a live migration and a pause, by turns",
	.capabilities = VMM_CAN_MIGRATE | VMM_CAN_PAUSE,
	.takes = OPTIONS_OF_A_MACHINE | OPTION_PEEK,
	.next = precopy_or_pause,
	/* `mixed` has this order, too, among others. */
	.only_by_name = TRUE,
	.restores = TRUE,
};
