// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tells a guest that stands still from one that is slow. All its vCPUs have halted, and nothing has
 * woken one for so long that nothing will: an interrupt was lost. Such a case need not wait for its
 * time limit.
 *
 * A guest that is slow runs, or is about to. A guest that waits for the runner polls for the
 * answer, so it runs, too. A guest that runs in a loop for ever is not seen here: the deadlines of
 * its own waits end it, or the time limit if the loop has none.
 */
#include "run/case-run.h"

/*
 * How long no vCPU may run on a fast host. Tests let all vCPUs halt for at most some 10 s
 * (x86/vmx_activity/timers.c).
 */
#define STANDSTILL_SECONDS 30
/* How often the guest is looked at in that time. */
#define LOOKS 5

static gboolean look(gpointer data)
{
	struct case_run *run = data;
	gint64 activity = guest_activity(run->guest);

	if (activity < 0 || activity != run->still.activity)
		run->still.looks = 0;
	else
		run->still.looks++;
	run->still.activity = activity;
	if (run->still.looks < LOOKS)
		return G_SOURCE_CONTINUE;
	run->still.timer = 0;
	conclude_standstill(run, STANDSTILL_SECONDS * run->environment->timescale);
	return G_SOURCE_REMOVE;
}

void standstill_watch(struct case_run *run)
{
	double milliseconds = STANDSTILL_SECONDS * 1000.0 / LOOKS * run->environment->timescale;

	/* Guests of other suites may halt as long as they like. */
	if (run->settings->kvm_unit_tests)
		return;
	run->still.activity = -1;
	run->still.timer = g_timeout_add(MIN(milliseconds, G_MAXINT), look, run);
}

void standstill_end(struct case_run *run)
{
	if (run->still.timer)
		g_source_remove(run->still.timer);
	run->still.timer = 0;
}
