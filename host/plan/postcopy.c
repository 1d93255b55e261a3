// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan postcopy: a live migration in which the guest leaves the source as soon as the stream flows.
 * Most of its memory follows while it already runs at the destination. If the guest touches a page
 * that has not come yet, the destination asks for it and the guest waits (QEMU's
 * docs/devel/migration/postcopy). KVM and QEMU write to the guest's memory, too (clock pages,
 * messages, an interrupt's stack frame), so they have to wait for pages as well.
 *
 * The plan proves that the migration was a post-copy one: the source said so, and there was memory
 * left to send when the guest went.
 */
#include "plan/option.h"

#define MOST_ATTEMPTS 4
/*
 * Bytes a second. This is so slow that the guest leaves before all of a small memory was sent. Each
 * further attempt has half of it.
 */
#define BANDWIDTH (1 << 20)
/*
 * Bytes a second after the guest has left, times 1, 2, 4 or 8. At the slowest the guest waits for
 * most of what it touches. At the fastest it finds most of its memory there.
 */
#define LATE_BANDWIDTH	   (1 << 20)
#define LATE_BANDWIDTH_LOG 4

static void attempt(struct plan_run *run);

static void on_done(void *data, const struct action_stats *stats, const char *problem)
{
	struct plan_run *run = data;
	gboolean late = stats && stats->early && (stats->bytes_left || stats->pages_awaited);
	g_autofree char *text = NULL;

	if (plan_attempt_done(run, stats, problem, late && !stats->unused, MOST_ATTEMPTS, attempt))
		return;
	if (stats->unused)
		text = plan_options_idle(stats->unused, run->attempts);
	else
		text = g_strdup_printf(
			"the migration was not a post-copy one: in %u attempts %s", run->attempts,
			stats->early ? "no memory was left to send when the guest went"
				     : "all memory was sent before the guest went");
	plan_failed(run, text);
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
	.about = "live migration that takes the guest first and its memory afterwards",
	.action = "migration",
	.capabilities = VMM_CAN_MIGRATE | VMM_CAN_MIGRATE_POSTCOPY,
	.takes = OPTIONS_OF_A_POSTCOPY | OPTIONS_OF_POSTCOPY_ALONE,
	.act = attempt,
	.restores = TRUE,
};
