// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan fork: wherever the guest asks to be migrated, it is saved and restored twice: in a new VM of
 * its own process, and in another process. From then on there are two guests, which share nothing
 * but the past, and both have to come to the end of the test. The plan goes on with the one in the
 * other process; the first one is followed as a snapshot source (guest/snapshot-source.c). This
 * shows when one guest's VM affects the other's, or when KVM keeps a guest's state outside of its
 * VM.
 */
#include "plan/plan.h"

static void save_and_restore_twice(struct plan_run *run)
{
	guest_snapshot(run->guest, TRUE, plan_action_done, run);
}

const struct plan plan_fork = {
	.name = "fork",
	.action = "snapshot",
	.about =
		"the guest is saved, and restored in two VMs at the same time, which both finish the test",
	.capabilities = VMM_CAN_FORK,
	.act = save_and_restore_twice,
	/* It is no default plan until every program has run under it many times. */
	.only_by_name = TRUE,
	.restores = TRUE,
};
