// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan reset: the whole VM is reset where a test asks to be migrated for the first time. The guest
 * boots again, and asks where it was (docs/protocol.md, question `boot`). It tells what its
 * registers hold, which has to be the same as at the first boot (machine-check.c). Then it has to
 * pass the interrupted test in full. A hypervisor that forgets to reset a timer, an interrupt or a
 * page that it writes to disturbs that test, or a later one.
 */
#include "plan/plan.h"

static void reset_guest(struct plan_run *run)
{
	guest_reset(run->guest, plan_action_done, run);
}

const struct plan plan_reset = {
	.name = "reset",
	.action = "reset",
	.about =
		"the VM is reset where a test first asks to be migrated; the test then begins anew",
	.capabilities = VMM_CAN_RESET,
	.act = reset_guest,
	.reboots = TRUE,
};
