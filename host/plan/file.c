// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan file: wherever the guest asks to be migrated, the native VMM saves it to a file and ends.
 * Another process restores it, and compares what KVM then tells with what is in the file. So
 * nothing can be left over from the first VM, and what was not saved is lost.
 */
#include "plan/plan.h"

static void save_and_restore(struct plan_run *run)
{
	guest_snapshot(run->guest, FALSE, plan_action_done, run);
}

const struct plan plan_file = {
	.name = "file",
	.action = "snapshot",
	.about =
		"the guest is saved to a file, restored by another process of the native VMM, and compared",
	.capabilities = VMM_CAN_FILE,
	.act = save_and_restore,
	/* It is no default plan until every program has run under it many times. */
	.only_by_name = TRUE,
	.restores = TRUE,
};
