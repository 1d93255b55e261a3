// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan dirtylog: the guest's memory is carried to another place while it runs, in passes, by KVM's
 * dirty log alone, and then the guest goes on there, again and again. A write that is missing in
 * the log is lost.
 *
 * Pages that were carried twice prove that it was live. A guest that sleeps writes nothing, so an
 * attempt without such pages is no failure if an earlier one had some.
 */
#include "plan/plan.h"

#define MOST_ATTEMPTS 4

static void on_done(void *data, const struct action_stats *stats, const char *problem)
{
	struct plan_run *run = data;
	gboolean live = !problem && stats->pages_sent > stats->pages_in_ram;

	if (plan_attempt_done(run, stats, problem, live, MOST_ATTEMPTS, plan_carry))
		return;
	if (run->actions->len)
		plan_acted(run, NULL);
	else
		plan_failed(
			run,
			"memory was not carried live: no page was carried twice, so the guest did not run and write meanwhile");
}

void plan_carry(struct plan_run *run)
{
	run->attempts++;
	guest_carry(run->guest, on_done, run);
}

const struct plan plan_dirtylog = {
	.name = "dirtylog",
	.action = "migration",
	.about = "memory is carried by KVM's dirty log alone, back to back while the guest works",
	.capabilities = VMM_CAN_CARRY,
	.habit = HABIT_CARRY_BY_LOG,
	.act = plan_carry,
	.continuous = TRUE,
	/* It is no default plan until every program has run under it many times. */
	.only_by_name = TRUE,
	.restores = TRUE,
};
