// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Post-copy migrations of a QEMU: `migrate-start-postcopy` (QEMU's qapi/migration.json,
 * docs/devel/migration/postcopy). The guest runs at the destination before its memory is there.
 * The source says "postcopy-active" just before it stops the guest. The destination says
 * "completed" only when all memory has come, long after the guest runs there.
 */
#include <sys/wait.h>

#include "vmm/qemu/migrate.h"

static void on_rest_told(void *data, JsonNode *value, const char *problem)
{
	struct qemu_migration *migration = qemu_migration_of(data);
	JsonObject *ram;

	if (!migration || problem || !JSON_NODE_HOLDS_OBJECT(value))
		return;
	ram = member_object(json_node_get_object(value), "ram");
	migration->postcopy.bytes_left = MAX(0, member_number(ram, "remaining"));
}

/* QEMU starts the guest and answers in one thread, so this comes when the guest runs. */
static void on_runs_there(void *data, JsonNode *value, const char *problem)
{
	struct qemu_migration *migration = qemu_migration_of(data);

	if (migration && !problem)
		migration->postcopy.runs_there = g_get_real_time();
}

void qemu_postcopy_advance(struct qemu_migration *migration)
{
	struct qemu_postcopy *postcopy = &migration->postcopy;
	struct qemu *from = migration->base.from, *to = migration->base.to;

	if (!postcopy->switch_ordered && has_status(from, "active")) {
		postcopy->switch_ordered = TRUE;
		qmp_execute(from->qmp, "migrate-start-postcopy", NULL, qemu_action_on_reply, from);
	}
	if (!postcopy->switched && has_status(from, "postcopy-active")) {
		postcopy->switched = from->migration_time;
		qmp_execute(from->qmp, "query-migrate", NULL, on_rest_told, from);
	}
	if (postcopy->switched)
		qemu_recover_advance(migration);
	if (postcopy->switched && to->resume_time && to->pid && !postcopy->asked_arrival) {
		postcopy->asked_arrival = TRUE;
		qmp_execute(to->qmp, "query-status", NULL, on_runs_there, to);
	}
}

void qemu_postcopy_note(const struct qemu_migration *migration, JsonObject *ram,
			struct action_stats *stats)
{
	const struct qemu_postcopy *postcopy = &migration->postcopy;
	gint64 arrived =
		postcopy->runs_there ? postcopy->runs_there : migration->base.to->migration_time;
	gint64 sent_late = member_number(ram, "postcopy-bytes"); /* QEMU 7.0 */

	stats->early = TRUE;
	stats->cuts = postcopy->cuts_made;
	stats->bytes_left = MAX(postcopy->bytes_left, (guint64)MAX(0, sent_late));
	stats->pages_awaited = MAX(0, member_number(ram, "postcopy-requests"));
	stats->pause_max_ns = MAX(stats->pause_min_ns, (arrived - postcopy->switched) * NS_PER_US);
}

/*
 * A guest that ends by itself at the destination takes QEMU with it. The migration is then over,
 * and all that is known of it is that the guest went before its memory.
 */
void qemu_postcopy_end_without_destination(struct qemu_migration *migration)
{
	struct qemu *from = migration->base.from, *to = migration->base.to;
	struct action_stats stats = { .early = TRUE };
	g_autofree char *death = vm_exit_describe(&to->exit);

	if (WIFSIGNALED(to->exit.wait_status)) {
		qemu_action_fail(&migration->base, "the destination died in mid-migration (%s)",
				 death);
		return;
	}
	qemu_action_take_time(&migration->base, &stats);
	stats.bytes_left = migration->postcopy.bytes_left;
	stats.pause_max_ns = stats.total_ns;
	vm_console_drain(&from->console);
	qemu_action_finish(&migration->base, &stats, NULL);
}
