// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan pause: wherever the guest asks to be migrated, the VM is stopped for a while and continued
 * where it is. This tests what depends on time and not on memory: clocks, timers, and what KVM is
 * told about the pause.
 */
#include "plan/plan.h"

/* Long enough for a timer to expire meanwhile, short enough to be repeated often. */
#define SHORTEST_PAUSE_US 1000
#define LONGEST_PAUSE_US  60000

static void pause_guest(struct plan_run *run)
{
	guest_pause(run->guest, g_rand_int_range(run->random, SHORTEST_PAUSE_US, LONGEST_PAUSE_US),
		    plan_action_done, run);
}

const struct plan plan_pause = {
	.name = "pause",
	.action = "pause",
	.about = "the VM is stopped and continued, wherever the guest asks to be migrated",
	.capabilities = VMM_CAN_PAUSE,
	.takes = OPTION_PEEK,
	.act = pause_guest,
};
