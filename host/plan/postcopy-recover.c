// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan postcopy-recover: as postcopy, but the stream is cut when the guest is on the other
 * side and part of its memory is not, up to three times, and then mended. In between the
 * guest runs on with what it has. Each side knows by itself which pages have come; if they
 * do not agree afterwards, a page is lost, or one that the guest has written is overwritten
 * by its old contents. What waits for a page in KVM, or in QEMU itself, waits much longer.
 *
 * It proves that both sides said "postcopy-paused" with memory left to send, and that the
 * move was completed after that.
 */
#include "plan/plan.h"

#define MOST_ATTEMPTS 5
#define BANDWIDTH     (1 << 20)
/* Slow enough for memory to be left at the latest moment of the last cut, mostly. */
#define LATE_BANDWIDTH (256 << 10)
#define MOST_CUTS      3
#define LATEST_CUT_MS  120

static void attempt(struct plan_run *run);

static void on_done(void *data, const struct action_stats *stats, const char *problem)
{
	struct plan_run *run = data;
	g_autofree char *text = NULL;

	if (problem) {
		plan_failed(run, problem);
	} else if (stats->early && stats->cuts) {
		plan_acted(run, stats);
	} else if (run->attempts < MOST_ATTEMPTS) {
		attempt(run);
	} else {
		text = g_strdup_printf("the stream was not cut in mid-flight: in %u attempts %s",
				       run->attempts,
				       stats->early ? "no memory was left to send at the cut"
						    : "all memory was sent before the guest went");
		plan_failed(run, text);
	}
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
	.action = "migration",
	.about = "postcopy whose stream is cut in mid-flight, and mended",
	.capabilities = VMM_CAN_MIGRATE | VMM_CAN_MIGRATE_POSTCOPY | VMM_CAN_RECOVER_POSTCOPY,
	.takes = OPTIONS_OF_A_POSTCOPY,
	.act = attempt,
};
