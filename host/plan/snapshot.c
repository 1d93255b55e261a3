// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan snapshot: wherever the guest asks to be migrated, it is stopped and saved to a file. Its VMM
 * ends, and another one restores the guest from the file. In a live migration both ends are on this
 * host at the same time, so something may work that was never sent. Here everything has to be in
 * the file.
 */
#include "plan/plan.h"

static void take_snapshot(struct plan_run *run)
{
	guest_snapshot(run->guest, FALSE, plan_action_done, run);
}

const struct plan plan_snapshot = {
	.name = "snapshot",
	.action = "snapshot",
	.about =
		"the guest is saved to a file and restored by another VMM, wherever it asks to be migrated",
	.capabilities = VMM_CAN_SAVE,
	.takes = OPTIONS_OF_A_MACHINE | OPTION_DISK_ERROR | OPTION_PEEK,
	.act = take_snapshot,
	.restores = TRUE,
};
