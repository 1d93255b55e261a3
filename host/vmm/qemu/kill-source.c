// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Live migrations whose source is killed as soon as it says that it has sent all, so that it cannot
 * do anything afterwards. It is asked for its figures before it is killed.
 */
#include "vmm/qemu/migrate.h"

static void on_last_figures(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_migration *migration = qemu_migration_of(qemu);
	JsonObject *figures;

	if (!migration)
		return;
	if (problem || !JSON_NODE_HOLDS_OBJECT(value) ||
	    !qemu_action_read_pages(json_node_get_object(value), &migration->source_death.last)) {
		qemu_action_fail(&migration->base, "%s",
				 problem ? problem : "query-migrate tells no pages");
		return;
	}
	figures = json_node_get_object(value);
	migration->source_death.last.unused = qemu_hold_unused(migration, figures);
	qemu_kill(&qemu->vm);
	migration->source_death.killed = TRUE;
	qemu_migration_progress(migration);
}

static void finish(struct qemu_migration *migration)
{
	struct qemu *from = migration->base.from, *to = migration->base.to;
	struct action_stats stats = migration->source_death.last;

	qemu_action_take_time(&migration->base, &stats);
	/* The source did not tell when it stopped the guest, which may have been at once. */
	stats.pause_max_ns = stats.total_ns;
	if (qemu_migration_stamps_fit(migration)) {
		stats.stopped = from->stop_time * NS_PER_US;
		stats.pause_min_ns = MAX(0, to->resume_time - from->stop_time) * NS_PER_US;
	}
	vm_console_drain(&from->console);
	qemu_action_finish(&migration->base, &stats, NULL);
}

void qemu_kill_source_advance(struct qemu_migration *migration)
{
	struct qemu_source_death *source_death = &migration->source_death;
	struct qemu *from = migration->base.from, *to = migration->base.to;
	g_autofree char *death = NULL;

	if (!source_death->asked_figures) {
		source_death->asked_figures = TRUE;
		qmp_execute(from->qmp, "query-migrate", NULL, on_last_figures, from);
	} else if (!source_death->killed && !from->pid) {
		death = vm_exit_describe(&from->exit);
		qemu_action_fail(&migration->base, "the source died before it was killed (%s)",
				 death);
	} else if (source_death->killed && has_status(to, "completed")) {
		finish(migration);
	} else if (source_death->killed && !to->pid && to->resume_time) {
		to->migration_time = g_get_real_time(); /* the guest has come, and has ended */
		finish(migration);
	} else if (source_death->killed && !to->pid) {
		death = vm_exit_describe(&to->exit);
		qemu_action_fail(&migration->base,
				 "the destination died with the source, which had sent all (%s)",
				 death);
	}
}
