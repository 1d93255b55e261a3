// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan bgsnapshot: wherever the guest asks to be migrated, it is saved to a file while it runs on,
 * and another VMM restores it as it was when the saving began. If the guest, KVM or the VMM writes
 * to a page that is not yet saved, the write has to wait until the old contents are saved.
 * Otherwise the file holds memory from after the snapshot and devices from before it.
 *
 * The plan proves that the guest ran while it was saved. Afterwards there are two guests. The plan
 * goes on with the one from the file; the snapshot source is followed to the end of its test
 * (snapshot-source.c).
 */
#include "plan/plan.h"

static void on_done(void *data, const struct action_stats *stats, const char *problem)
{
	if (problem)
		plan_failed(data, problem);
	else if (!stats->early)
		plan_failed(
			data,
			"the snapshot was not a background one: the guest did not run while it was saved");
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
	.about =
		"the guest is saved to a file while it runs on, and restored as it was when that began",
	.capabilities = VMM_CAN_SAVE | VMM_CAN_SAVE_RUNNING,
	.takes = OPTIONS_OF_A_MACHINE,
	.act = take_snapshot,
	.restores = TRUE,
};
