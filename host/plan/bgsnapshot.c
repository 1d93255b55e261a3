// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan bgsnapshot: at each point where the guest asks to be moved, it is saved to a file
 * while it runs on, and another VMM goes on from the file with the guest as it was when
 * the saving began. Whatever is written to a page that was not yet saved, by the guest or
 * by KVM and QEMU for it, has to wait until the old contents are safe: what slips by is
 * memory from after the snapshot under devices from before it.
 *
 * It proves that the guest ran while it was saved. The original is followed to the end of
 * its test (snapshot-source.c), the copy is the guest that the plan goes on with.
 */
#include "plan/plan.h"

static void on_done(void *data, const struct action_stats *stats, const char *problem)
{
	if (problem)
		plan_failed(data, problem);
	else if (!stats->early)
		plan_failed(data, "the snapshot was not a background one: the guest did not run "
				  "while it was saved");
	else
		plan_acted(data, stats);
}

static void take_snapshot(struct plan_run *run)
{
	guest_snapshot(run->guest, TRUE, on_done, run);
}

const struct plan plan_bgsnapshot = {
	.name = "bgsnapshot",
	.action = "snapshot",
	.about = "saved to a file while it runs on, and restored as it was when that began",
	.capabilities = VMM_CAN_SAVE | VMM_CAN_SAVE_RUNNING,
	.takes = OPTIONS_OF_A_MACHINE,
	.act = take_snapshot,
};
