// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan cycle@exit: at each exit to user space the guest is saved, and restored in a VM that was
 * made from nothing. What KVM tells of the new VM must be what was saved. This tests KVM's half of
 * a migration alone, thousands of times in the time of one migration of QEMU.
 *
 * The VMM does this by itself. Wherever the guest asks to be migrated, there is one more cycle
 * before the answer, so that a cycle meets each moment that a test has prepared.
 */
#include "plan/plan.h"

const struct plan plan_cycle_exit = {
	.name = "cycle@exit",
	.action = "cycle",
	.about =
		"the guest is saved and restored in a new VM at each exit to user space, and compared",
	.capabilities = VMM_CAN_CYCLE,
	.habit = HABIT_CYCLE_AT_EXITS,
	.act = plan_cycle,
	/* It is no default plan until every program has run under it many times. */
	.only_by_name = TRUE,
	.restores = TRUE,
};
