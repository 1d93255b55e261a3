// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan cycle@revert: at random moments, from the case's seed, the guest is saved and goes on. After
 * a short time it is put back into the same VM, with its RAM, as when a user goes back to a
 * snapshot of a running guest. What it did meanwhile must leave no trace in KVM: no timer that it
 * started, no interrupt or exception that waits, no state of an L2. Other plans restore into new
 * VMs, where no such trace can be.
 */
#include "plan/plan.h"

const struct plan plan_cycle_revert = {
	.name = "cycle@revert",
	.action = "cycle",
	.about = "at random moments the guest is saved, goes on, and is put back into the same VM",
	.capabilities = VMM_CAN_CYCLE,
	.habit = HABIT_CYCLE_BY_REVERT,
	.act = plan_cycle,
	/* It is no default plan until every program has run under it many times. */
	.only_by_name = TRUE,
	.restores = TRUE,
};
