// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan snapshot: at each point where the guest asks to be moved, it is stopped and saved
 * to a file; its VMM ends, and another one goes on with it from the file. Nothing of the
 * guest is left meanwhile but what was written down: what a live migration brings along by
 * chance, since both sides live on one host at one time, has to be in the file.
 */
#include "plan/plan.h"

static void on_done(void *data, const struct action_stats *stats, const char *problem)
{
	if (problem)
		plan_failed(data, problem);
	else
		plan_acted(data, stats);
}

static void take_snapshot(struct plan_run *run)
{
	guest_snapshot(run->guest, FALSE, on_done, run);
}

const struct plan plan_snapshot = {
	.name = "snapshot",
	.action = "snapshot",
	.about = "saved to a file and restored by another VMM, wherever the guest asks to be moved",
	.capabilities = VMM_CAN_SAVE,
	.takes = OPTIONS_OF_A_MACHINE,
	.act = take_snapshot,
};
