// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan reset: in each test, at the first point where it asks to be moved, the whole VM is
 * reset. The guest boots again, finds out where it was (docs/protocol.md, question
 * `boot`), tells what its registers hold, which has to be what they held at the first boot
 * (machine-check.c), and has to pass the interrupted test in full on the machine as the
 * reset has left it. A hypervisor that forgets to bring a timer, an interrupt or a page
 * that it writes to back to its initial state disturbs that test, or a later one.
 */
#include "plan/plan.h"

static void on_done(void *data, const struct action_stats *stats, const char *problem)
{
	if (problem)
		plan_failed(data, problem);
	else
		plan_acted(data, stats);
}

static void reset_guest(struct plan_run *run)
{
	guest_reset(run->guest, on_done, run);
}

const struct plan plan_reset = {
	.name = "reset",
	.action = "reset",
	.about = "reset where a test first asks to be moved; the test then begins anew",
	.capabilities = VMM_CAN_RESET,
	.act = reset_guest,
	.reboots = TRUE,
};
