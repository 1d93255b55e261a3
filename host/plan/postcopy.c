// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan postcopy: a live migration in which the guest goes as soon as the stream flows and
 * most of its memory follows when it already runs on the other side: what it touches is
 * asked for, and it waits for it (QEMU's docs/devel/migration, "Postcopy"). All that KVM
 * and QEMU write to the guest's memory themselves (clock pages, messages, an interrupt's
 * stack frame) is then written to pages that are not there yet.
 *
 * A post-copy move proves that it was one: the source said so, and there was memory to
 * send when the guest went.
 */
#include "plan/option.h"

#define MOST_ATTEMPTS 4
/* Slow enough for the guest to be gone before all of a small memory was sent. */
#define BANDWIDTH (1 << 20)
/*
 * Times 1, 2, 4 or 8: at the slowest the guest waits for most of what it touches, at the
 * fastest it finds it there, unless it touches it at once.
 */
#define LATE_BANDWIDTH	   (1 << 20)
#define LATE_BANDWIDTH_LOG 4

static void attempt(struct plan_run *run);

static void on_done(void *data, const struct action_stats *stats, const char *problem)
{
	struct plan_run *run = data;
	g_autofree char *text = NULL;

	if (problem) {
		plan_failed(run, problem);
	} else if (stats->early && (stats->bytes_left || stats->pages_awaited) && !stats->unused) {
		plan_acted(run, stats);
	} else if (run->attempts < MOST_ATTEMPTS) {
		attempt(run);
	} else if (stats->unused) {
		text = plan_options_idle(stats->unused, run->attempts);
		plan_failed(run, text);
	} else {
		text = g_strdup_printf(
			"the move was not a post-copy one: in %u attempts %s", run->attempts,
			stats->early ? "no memory was left to send when the guest went"
				     : "all memory was sent before the guest went");
		plan_failed(run, text);
	}
}

static void attempt(struct plan_run *run)
{
	struct migration_options options = { .bandwidth = BANDWIDTH >> run->attempts,
					     .postcopy = TRUE };

	options.late_bandwidth = LATE_BANDWIDTH
				 << g_rand_int_range(run->random, 0, LATE_BANDWIDTH_LOG);
	run->attempts++;
	guest_migrate(run->guest, &options, on_done, run);
}

const struct plan plan_postcopy = {
	.name = "postcopy",
	.action = "migration",
	.about = "live migration that takes the guest first and its memory afterwards",
	.capabilities = VMM_CAN_MIGRATE | VMM_CAN_MIGRATE_POSTCOPY,
	.takes = OPTIONS_OF_A_POSTCOPY,
	.act = attempt,
};
