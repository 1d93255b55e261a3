// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Live migrations of a QEMU (QEMU's qapi/migration.json, docs/devel/migration). The source is told
 * to `migrate`. Events of both sides come until the source says "completed" and the destination
 * runs; then `query-migrate` tells the figures.
 */
#include <sys/wait.h>

#include "vmm/qemu/capability.h"
#include "vmm/qemu/channel.h"
#include "vmm/qemu/migrate.h"

/* How often the figures are asked for, at most, until they are final. */
#define MOST_QUESTIONS 1000

/* ---- the end ---- */

/*
 * QEMU says "completed" a moment before it has worked out the times
 * (migration_calculate_complete()): until then they are 0. The rate comes last.
 */
static gboolean figures_are_final(JsonObject *figures)
{
	JsonNode *rate = json_object_get_member(member_object(figures, "ram"), "mbps");

	return member_number(figures, "total-time") > 0 && rate && JSON_NODE_HOLDS_VALUE(rate) &&
	       json_node_get_double(rate) > 0;
}

gboolean qemu_migration_stamps_fit(const struct qemu_migration *migration)
{
	const struct qemu *from = migration->base.from, *to = migration->base.to;
	const gint64 stamps[] = { from->stop_time, from->migration_time, to->resume_time,
				  to->migration_time };
	gint64 now = g_get_real_time();

	for (gsize i = 0; i < G_N_ELEMENTS(stamps); i++)
		if (stamps[i] < migration->base.started || stamps[i] > now)
			return FALSE;
	return TRUE;
}

/*
 * The source takes the time just before it stops the guest, and again just after "completed";
 * DOWNTIME_MS is the difference of these, both cut to milliseconds. The destination says
 * "completed" when the guest runs.
 */
static void take_pause(const struct qemu_migration *migration, gint64 downtime_ms,
		       struct action_stats *stats)
{
	const struct qemu *from = migration->base.from, *to = migration->base.to;
	gint64 stopped = from->migration_time - (downtime_ms + 1) * 1000;

	stats->stopped = from->stop_time * NS_PER_US;
	for (gsize i = 0; i < MOST_PASSES_TOLD; i++)
		stats->pass_began[i] = migration->pass_began[i] * NS_PER_US;
	stats->pause_min_ns = MAX(0, to->resume_time - from->stop_time) * NS_PER_US;
	stats->pause_max_ns = MAX(stats->pause_min_ns, (to->migration_time - stopped) * NS_PER_US);
}

static void on_figures(void *data, JsonNode *value, const char *problem)
{
	struct qemu *from = data;
	struct qemu_migration *migration = qemu_migration_of(from);
	struct action_stats stats = { 0 };
	JsonObject *figures;
	gint64 downtime_ms;

	if (!migration)
		return;
	figures = qemu_action_figures(&migration->base, value, problem);
	if (!figures)
		return;
	downtime_ms = member_number(figures, "downtime");
	if (downtime_ms < 0 || !qemu_action_read_pages(figures, &stats)) {
		qemu_action_fail(&migration->base,
				 "query-migrate does not tell downtime, page size and pages");
		return;
	}
	qemu_action_take_time(&migration->base, &stats);
	if (!figures_are_final(figures) && ++migration->questions < MOST_QUESTIONS) {
		qmp_execute(from->qmp, "query-migrate", NULL, on_figures, from);
		return;
	}
	take_pause(migration, downtime_ms, &stats);
	if (migration->postcopy.switched)
		qemu_postcopy_note(migration, member_object(figures, "ram"), &stats);
	stats.unused = qemu_hold_unused(migration, figures);
	if (!qemu_migration_stamps_fit(migration)) {
		stats.stopped = 0;
		stats.pause_min_ns = 0;
		stats.pause_max_ns = stats.total_ns;
	}
	/* What the guest wrote before it was stopped comes before what it writes now. */
	vm_console_drain(&from->console);
	qemu_action_finish(&migration->base, &stats, NULL);
}

static void on_failure_told(void *data, JsonNode *value, const char *problem)
{
	struct qemu_migration *migration = qemu_migration_of(data);
	g_autofree char *reason = qemu_action_failure(value, problem);
	const char *last_words;

	if (!migration)
		return;
	last_words = migration->base.to->exit.stderr_end;
	qemu_action_fail(&migration->base, "QEMU says that the migration failed: %s%s%s", reason,
			 last_words ? "; destination: " : "", last_words ? last_words : "");
}

static void on_source_lives(void *data, JsonNode *value, const char *problem)
{
	struct qemu_migration *migration = qemu_migration_of(data);
	g_autofree char *death = NULL;

	if (!migration || migration->base.finishing)
		return;
	death = vm_exit_describe(&migration->base.to->exit);
	qemu_action_fail(&migration->base, "the destination died in mid-migration (%s)", death);
}

/* ---- images of memory ---- */

static void on_continued(void *data, JsonNode *value, const char *problem)
{
	struct qemu *to = data;
	struct qemu_migration *migration = qemu_migration_of(to);

	if (!migration)
		return;
	if (problem) {
		qemu_action_fail(&migration->base, "%s", problem);
		return;
	}
	migration->goes_on = TRUE;
	to->migration_time = g_get_real_time(); /* it runs now, and did not before */
	qemu_migration_progress(migration);
}

static void let_go_on(struct qemu *to)
{
	qemu_peek(to);
	qmp_execute(to->qmp, "cont", NULL, on_continued, to);
}

static void on_destination_written(struct qemu *to)
{
	ram_images_compare(to->images);
	let_go_on(to);
}

static void on_source_written(struct qemu *from)
{
	qemu_write_ram(from->action->to, ram_images_destination(from->images),
		       on_destination_written);
}

/* The guest runs nowhere: the source has sent all, and the destination has it. */
static void make_images(struct qemu_migration *migration)
{
	struct qemu *from = migration->base.from, *to = migration->base.to;

	if (!migration->making_images) {
		migration->making_images = TRUE;
		if (!from->images || !ram_images_wanted(from->images))
			let_go_on(to);
		else
			qemu_write_ram(from, ram_images_begin(from->images), on_source_written);
	} else if (!to->pid && to->resume_time) {
		to->migration_time = g_get_real_time(); /* the guest went on, and has ended */
		migration->goes_on = TRUE;
	} else if (!to->pid) {
		g_autofree char *death = vm_exit_describe(&to->exit);

		qemu_action_fail(&migration->base,
				 "the destination died before the guest went on (%s)", death);
	}
}

/* ---- on the way ---- */

/* The source has ended. TRUE if that ends the migration. */
static gboolean end_without_source(struct qemu_migration *migration)
{
	struct qemu *from = migration->base.from;
	g_autofree char *death = NULL;

	if (from->pid)
		return FALSE;
	if (WIFSIGNALED(from->exit.wait_status)) {
		death = vm_exit_describe(&from->exit);
		qemu_action_fail(&migration->base, "the source died in mid-migration (%s)", death);
	} else {
		/* The guest ended by itself and is nowhere any more; its exit is reported. */
		qemu_action_forget(from);
	}
	return TRUE;
}

/* A guest may end at the destination, and QEMU with it, before QEMU has told us that it runs. */
static void look_for_destination(struct qemu_migration *migration, gboolean sent, gboolean *arrived)
{
	struct qemu *from = migration->base.from, *to = migration->base.to;

	if (to->pid || *arrived)
		return;
	if (sent && to->resume_time) {
		to->migration_time = g_get_real_time();
		*arrived = TRUE;
	} else if (!to->resume_time && !migration->asked_source) {
		/*
		 * A guest that ends at the source takes the stream with it, and the
		 * destination's end may be seen first. So ask whether the source lives.
		 */
		migration->asked_source = TRUE;
		qmp_execute(from->qmp, "query-migrate", NULL, on_source_lives, from);
	}
}

void qemu_migration_progress(struct qemu_migration *migration)
{
	struct qemu *from = migration->base.from, *to = migration->base.to;
	gboolean sent, arrived;

	if (migration->base.finishing)
		return;
	if (migration->postcopy.wanted)
		qemu_postcopy_advance(migration);
	sent = has_status(from, "completed");
	arrived = has_status(to, "completed");
	if (sent)
		qemu_channel_sent(to);
	if (migration->source_death.wanted && sent) {
		qemu_kill_source_advance(migration);
		return;
	}
	if (end_without_source(migration))
		return;
	if (has_status(from, "failed")) {
		migration->base.finishing = TRUE;
		qmp_execute(from->qmp, "query-migrate", NULL, on_failure_told, from);
		return;
	}
	if (!to->pid && !arrived && !sent && migration->postcopy.switched && to->resume_time) {
		qemu_postcopy_end_without_destination(migration);
		return;
	}
	look_for_destination(migration, sent, &arrived);
	if (!sent || !arrived)
		return;
	if (to->starts_stopped && !migration->goes_on) {
		make_images(migration);
		return;
	}
	migration->base.finishing = TRUE;
	qmp_execute(from->qmp, "query-migrate", NULL, on_figures, from);
}

/* ---- the beginning ---- */

static void progress(struct qemu_action *action)
{
	qemu_migration_progress((struct qemu_migration *)action);
}

static const char *status_of(const struct qemu *qemu)
{
	return qemu->migration_status ? qemu->migration_status : "not begun";
}

static void too_late(struct qemu_action *action)
{
	qemu_action_fail(action,
			 "the migration did not end in time; source: migration %s, destination: %s",
			 status_of(action->from), status_of(action->to));
}

static void release(struct qemu_action *action)
{
	struct qemu_migration *migration = (struct qemu_migration *)action;

	if (migration->postcopy.moment)
		g_source_remove(migration->postcopy.moment);
	if (migration->hold.timer)
		g_source_remove(migration->hold.timer);
}

static const struct qemu_action_kind migration_kind = {
	.size = sizeof(struct qemu_migration),
	.progress = progress,
	.too_late = too_late,
	.release = release,
};

struct qemu_migration *qemu_migration_of(const struct qemu *qemu)
{
	return qemu_action_of(qemu, &migration_kind);
}

void qemu_migration_pass(struct qemu *qemu, gint64 pass, gint64 microseconds)
{
	struct qemu_migration *migration = qemu_migration_of(qemu);

	if (!migration)
		return;
	if (pass >= 1 && pass <= MOST_PASSES_TOLD)
		migration->pass_began[pass - 1] = microseconds;
	qemu_hold_pass(migration, pass);
}

/*
 * In the post-copy phase QEMU 11.1 sends zero pages in full with multifd, and only a mark for each
 * without it. Nearly all of a guest's memory is zero.
 */
#define MULTIFD_IS_LONGER 256

void qemu_migrate(struct vm *vm, struct vm *to_vm, const struct migration_options *options,
		  action_done_function done, void *data)
{
	struct qemu *from = (struct qemu *)vm, *to = (struct qemu *)to_vm;
	struct qemu_migration *migration = qemu_action_begin(&migration_kind, from, to, done, data);
	JsonObject *arguments;

	migration->postcopy.wanted = options->postcopy;
	migration->postcopy.cuts_wanted = options->cuts;
	migration->postcopy.cut_after_ms = options->cut_after_ms;
	migration->source_death.wanted = options->kill_source;
	g_clear_pointer(&from->migration_status, g_free);
	qemu_action_set_deadline(&migration->base, ACTION_DEADLINE_FACTOR * from->reply_seconds);
	qemu_want_postcopy(from, options->postcopy);
	if (options->postcopy) {
		arguments = json_object_new();
		json_object_set_int_member(arguments, "max-postcopy-bandwidth",
					   options->late_bandwidth * (from->options & OPTION_MULTIFD
									      ? MULTIFD_IS_LONGER
									      : 1));
		qmp_execute(from->qmp, "migrate-set-parameters", arguments, qemu_action_on_reply,
			    from);
	}
	qemu_hold_begin(migration, options->bandwidth);
	if (from->waits)
		qmp_execute(from->qmp, "cont", NULL, qemu_action_on_reply, from);
	from->waits = FALSE;
	qmp_execute(from->qmp, "migrate", qemu_channel_target(to), qemu_channel_on_reply, from);
}
