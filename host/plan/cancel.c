// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plans cancel and dstkill: wherever the guest asks to be migrated, live migrations begin and are
 * broken off in mid-flight, by order or by the death of the destination. The guest stays and must
 * not notice. KVM and QEMU have to take back what they prepared for the migration (dirty logging,
 * clocks, devices that were notified), and the next attempt must find no trace of it.
 *
 * The plans prove that the migration was in mid-flight: some memory had been sent, but not all.
 *
 * With the option `late`, and now and then in plan mixed, all memory was sent and the guest was
 * stopped. The VMM has to take back what it did for that, too, and start the guest again. Then
 * disks are the guest's again, and its clocks and timers go on as after a pause.
 */
#include "plan/plan.h"

/* Bytes a second: slow enough for the smallest guest to be in flight at the latest moment. */
#define BANDWIDTH	 (256 << 10)
#define LATEST_MOMENT_MS 150

#define MOST_CANCELS	   3
#define MOST_IDLE_ATTEMPTS 6

static void attempt(struct plan_run *run);
static void begin_and_cancel(struct plan_run *run);

static void on_done(void *data, const struct action_stats *stats, const char *problem)
{
	struct plan_run *run = data;
	g_autofree char *text = NULL;

	if (problem) {
		plan_failed(run, problem);
	} else if (!stats->pages_sent || (!run->late && !stats->bytes_left)) {
		if (++run->idle_attempts < MOST_IDLE_ATTEMPTS) {
			attempt(run);
			return;
		}
		text = g_strdup_printf(
			"no migration was broken off in mid-flight: in %u attempts %s",
			run->idle_attempts,
			stats->pages_sent ? "nothing was left to send" : "nothing had been sent");
		plan_failed(run, text);
	} else if (--run->attempts) {
		plan_count(run, stats);
		attempt(run);
	} else {
		plan_acted(run, stats);
	}
}

static void attempt(struct plan_run *run)
{
	const struct broken_migration_options options = {
		.how = run->part->act == begin_and_cancel ? BREAK_BY_CANCEL : BREAK_BY_DEATH,
		.late = run->late,
		.bandwidth = BANDWIDTH,
		.after_ms = g_rand_int_range(run->random, 0, LATEST_MOMENT_MS),
	};

	guest_break_migration(run->guest, &options, on_done, run);
}

static void begin(struct plan_run *run, unsigned attempts)
{
	run->idle_attempts = 0;
	run->attempts = attempts;
	run->late = run->plan == &plan_mixed ? g_rand_boolean(run->choices)
					     : !!(run->plan->options & OPTION_LATE);
	attempt(run);
}

static void begin_and_cancel(struct plan_run *run)
{
	/* `mixed` breaks off enough migrations as it is. */
	begin(run,
	      run->plan == &plan_mixed ? 1 : g_rand_int_range(run->random, 1, MOST_CANCELS + 1));
}

static void begin_and_kill(struct plan_run *run)
{
	begin(run, 1);
}

const struct plan plan_cancel = {
	.name = "cancel",
	.action = "broken migration",
	.about = "live migrations that are cancelled in mid-flight; the guest stays",
	.capabilities = VMM_CAN_MIGRATE | VMM_CAN_BREAK_MIGRATION,
	.takes = OPTIONS_OF_A_BROKEN_MIGRATION | OPTION_LATE,
	.act = begin_and_cancel,
};

const struct plan plan_dstkill = {
	.name = "dstkill",
	.action = "broken migration",
	.about = "live migrations whose destination is killed in mid-flight; the guest stays",
	.capabilities = VMM_CAN_MIGRATE | VMM_CAN_BREAK_MIGRATION,
	.takes = OPTIONS_OF_A_BROKEN_MIGRATION | OPTION_LATE,
	.act = begin_and_kill,
};
