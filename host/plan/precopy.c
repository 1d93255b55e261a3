// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Plan precopy: a full live migration wherever the guest asks for one.
 *
 * A migration proves that it was live if at least one page was sent twice: the guest ran and wrote
 * after that page had been sent. A small guest is copied so fast that it may not run meanwhile.
 * Then it is migrated again, with a slower stream. The same is done if the figures show that an
 * option of the plan did nothing.
 */
#include "plan/option.h"

#define MOST_ATTEMPTS 4
/* An option that does something only while the guest writes may need more and slower attempts. */
#define MOST_ATTEMPTS_WITH_OPTIONS 7
#define BANDWIDTH_WITH_OPTIONS	   (3 << 20)
/* The second attempt is slowed down so that it takes this long to send as much as the first one. */
#define SLOW_COPY_MS 250

static void attempt(struct plan_run *run, guint64 bandwidth);

static gboolean was_live(const struct action_stats *stats)
{
	return stats->pages_sent > stats->pages_in_ram;
}

static void on_done(void *data, const struct action_stats *stats, const char *problem)
{
	struct plan_run *run = data;
	g_autofree char *text = NULL;

	if (problem) {
		plan_failed(run, problem);
	} else if ((was_live(stats) || guest_is_suspended(run->guest)) && !stats->unused) {
		plan_acted(run, stats);
	} else if (stats->unused && run->attempts < MOST_ATTEMPTS_WITH_OPTIONS) {
		attempt(run, BANDWIDTH_WITH_OPTIONS >> run->attempts);
	} else if (!stats->unused && run->attempts < MOST_ATTEMPTS) {
		guint64 slower = run->attempts;

		attempt(run, MAX(1, stats->bytes * 1000 / SLOW_COPY_MS / slower));
	} else if (run->part->continuous && run->actions->len) {
		/* The guest did not ask, and may have been asleep. The next attempt may find it
		 * awake. */
		plan_acted(run, NULL);
	} else if (was_live(stats)) {
		text = plan_options_idle(stats->unused, run->attempts);
		plan_failed(run, text);
	} else {
		text = g_strdup_printf(
			"the migration was not live: in %u attempts no page was sent twice (%" G_GUINT64_FORMAT
			" of %" G_GUINT64_FORMAT
			" pages), so the guest did not run and write meanwhile",
			run->attempts, stats->pages_sent, stats->pages_in_ram);
		plan_failed(run, text);
	}
}

static void attempt(struct plan_run *run, guint64 bandwidth)
{
	struct migration_options options = { .bandwidth = bandwidth,
					     .kill_source = run->part->kills_source };

	run->attempts++;
	guest_migrate(run->guest, &options, on_done, run);
}

void plan_migrate(struct plan_run *run)
{
	attempt(run, 0);
}

const struct plan plan_precopy = {
	.name = "precopy",
	.action = "migration",
	.about = "live migration, wherever the guest asks for it",
	.capabilities = VMM_CAN_MIGRATE,
	.takes = OPTIONS_OF_A_WHOLE_MIGRATION | OPTION_PEEK,
	.act = plan_migrate,
	.restores = TRUE,
};
