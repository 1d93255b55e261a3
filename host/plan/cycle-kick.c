// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan cycle@kick: like cycle@exit, but the vCPUs are stopped at random moments, from the case's
 * seed. So cycles meet states that no exit to user space shows: an L2 in mid-flight, an interrupt
 * that is about to be injected, a vCPU that halts.
 */
#include "plan/plan.h"

const struct plan plan_cycle_kick = {
	.name = "cycle@kick",
	.action = "cycle",
	.about = "the guest is saved and restored in a new VM at random moments, and compared",
	.capabilities = VMM_CAN_CYCLE,
	.habit = HABIT_CYCLE_AT_RANDOM,
	.act = plan_cycle,
	/* It is no default plan until every program has run under it many times. */
	.only_by_name = TRUE,
	.restores = TRUE,
};
