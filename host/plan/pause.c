// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan pause: at each point where the guest asks to be moved, the VM is stopped and
 * continued where it is (QMP `stop` and `cont`). It loses what is kept in time and
 * not in memory: clocks, timers, and what KVM is told about the pause.
 */
#include "plan/plan.h"

/* Long enough for a timer to expire in it, short enough to do often. */
#define SHORTEST_PAUSE_US 1000
#define LONGEST_PAUSE_US  60000

static void on_done(void *data, const struct action_stats *stats, const char *problem)
{
	if (problem)
		plan_failed(data, problem);
	else
		plan_acted(data, stats);
}

static void pause_guest(struct plan_run *run)
{
	guest_pause(run->guest, g_rand_int_range(run->random, SHORTEST_PAUSE_US, LONGEST_PAUSE_US),
		    on_done, run);
}

const struct plan plan_pause = {
	.name = "pause",
	.action = "pause",
	.about = "stopped and continued, wherever the guest asks to be moved",
	.capabilities = VMM_CAN_PAUSE,
	.act = pause_guest,
};
