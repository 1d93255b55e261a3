// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan postcopy-recover: a post-copy migration whose stream is cut up to three times, when the
 * guest is at the destination and part of its memory is not. Each time the migration is then
 * recovered. In between the guest runs with the memory that is there. Each side keeps its own
 * account of the pages that have come. If the two do not agree afterwards, a page is lost, or a
 * page that the guest has written is overwritten by its old contents. Whatever waits for a page in
 * KVM or QEMU waits much longer than in plan postcopy.
 *
 * The plan proves that both sides were paused with memory left to send, and that the migration was
 * completed after that.
 */
#include "plan/plan.h"

#define MOST_ATTEMPTS 5
#define BANDWIDTH     (1 << 20) /* bytes a second */
/* Slow enough for memory to be left, in most cases, even when the last cut comes late. */
#define LATE_BANDWIDTH (256 << 10)
#define MOST_CUTS      3
#define LATEST_CUT_MS  120

static void attempt(struct plan_run *run);

static void on_done(void *data, const struct action_stats *stats, const char *problem)
{
	struct plan_run *run = data;
	gboolean cut = stats && stats->early && stats->cuts;
	g_autofree char *text = NULL;

	if (plan_attempt_done(run, stats, problem, cut, MOST_ATTEMPTS, attempt))
		return;
	text = g_strdup_printf("the stream was not cut in mid-flight: in %u attempts %s",
			       run->attempts,
			       stats->early ? "no memory was left to send at the cut"
					    : "all memory was sent before the guest went");
	plan_failed(run, text);
}

static void attempt(struct plan_run *run)
{
	struct migration_options options = { .bandwidth = BANDWIDTH >> run->attempts,
					     .postcopy = TRUE,
					     .late_bandwidth = LATE_BANDWIDTH >> run->attempts };

	options.cuts = g_rand_int_range(run->random, 1, MOST_CUTS + 1);
	options.cut_after_ms = g_rand_int_range(run->random, 0, LATEST_CUT_MS + 1);
	run->attempts++;
	guest_migrate(run->guest, &options, on_done, run);
}

const struct plan plan_postcopy_recover = {
	.name = "postcopy-recover",
	.about = "post-copy live migration whose stream is cut in mid-flight, and recovered",
	.action = "migration",
	.capabilities = VMM_CAN_MIGRATE | VMM_CAN_MIGRATE_POSTCOPY | VMM_CAN_RECOVER_POSTCOPY,
	.takes = OPTIONS_OF_A_POSTCOPY | OPTIONS_OF_POSTCOPY_ALONE,
	.act = attempt,
	.restores = TRUE,
};
