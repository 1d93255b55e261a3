// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Live migrations of a QEMU. A move is: `migrate` on the source, then events of both
 * sides until the source says "completed" and the destination runs, then `query-migrate`
 * for the figures (QMP reference, "Migration").
 */
#include <string.h>
#include <sys/wait.h>

#include "vmm/qemu/option.h"
#include "vmm/qemu/recover.h"
#include "util/text.h"

/* So often are the figures of a move asked for until they are final. */
#define MOST_QUESTIONS 1000

/*
 * QEMU says "completed" a moment before it has worked out the times
 * (migration_calculate_complete()): until then they are 0. The rate comes last.
 */
static gboolean figures_are_final(JsonObject *figures)
{
	JsonNode *rate = json_object_get_member(qmp_object(figures, "ram"), "mbps");

	return qmp_number(figures, "total-time") > 0 && rate && JSON_NODE_HOLDS_VALUE(rate) &&
	       json_node_get_double(rate) > 0;
}

/*
 * Stamps from outside of the move tell nothing of the pause: the host's clock was
 * set, or QEMU stamps wrongly.
 */
static gboolean stamps_fit(const struct qemu_move *move)
{
	const gint64 stamps[] = { move->from->stop_time, move->from->migration_time,
				  move->to->resume_time, move->to->migration_time };
	gint64 now = g_get_real_time();

	for (gsize i = 0; i < G_N_ELEMENTS(stamps); i++)
		if (stamps[i] < move->started || stamps[i] > now)
			return FALSE;
	return TRUE;
}

/*
 * The source says "postcopy-active" just before it stops the guest. The destination is
 * "completed" only when all memory has come, long after the guest runs there.
 */
static void note_postcopy(const struct qemu_move *move, JsonObject *ram, struct move_stats *stats)
{
	gint64 arrived = move->runs_there ? move->runs_there : move->to->migration_time;
	gint64 sent_late = qmp_number(ram, "postcopy-bytes"); /* QEMU 7.0 */

	stats->early = TRUE;
	stats->cuts = move->cuts_made;
	stats->bytes_left = MAX(move->bytes_left, (guint64)MAX(0, sent_late));
	stats->pages_awaited = MAX(0, qmp_number(ram, "postcopy-requests"));
	stats->pause_max_ns = MAX(stats->pause_min_ns, (arrived - move->switched) * NS_PER_US);
}

static void on_figures(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_move *move = qemu->move;
	struct move_stats stats = { 0 };
	JsonObject *figures, *ram;
	gint64 downtime_ms, stopped;

	figures = qemu_move_figures(move, value, problem);
	if (!figures)
		return;
	ram = qmp_object(figures, "ram");
	downtime_ms = qmp_number(figures, "downtime");
	if (downtime_ms < 0 || !qemu_move_read_pages(figures, &stats)) {
		qemu_move_fail(move, "query-migrate does not tell downtime, page size and pages");
		return;
	}
	qemu_move_take_time(move, &stats);
	if (!figures_are_final(figures) && ++move->questions < MOST_QUESTIONS) {
		qmp_execute(qemu->qmp, "query-migrate", NULL, on_figures, qemu);
		return;
	}
	/*
	 * The source takes the time just before it stops the guest, and again just after
	 * "completed"; `downtime` is the difference of these, both cut to milliseconds.
	 * The destination says "completed" when the guest runs.
	 */
	stopped = qemu->migration_time - (downtime_ms + 1) * 1000;
	stats.pause_min_ns = MAX(0, move->to->resume_time - qemu->stop_time) * NS_PER_US;
	stats.pause_max_ns =
		MAX(stats.pause_min_ns, (move->to->migration_time - stopped) * NS_PER_US);
	if (move->switched)
		note_postcopy(move, ram, &stats);
	stats.unused = qemu_option_unused(move, figures);
	if (!stamps_fit(move)) {
		stats.pause_min_ns = 0;
		stats.pause_max_ns = stats.total_ns;
	}
	/* What the guest wrote before it was stopped comes before what it writes now. */
	qemu_drain_console(qemu);
	qemu_move_finish(move, &stats, NULL);
}

static void on_failure_told(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	const char *reason = NULL, *last_words = NULL;
	g_autofree char *printable = NULL;

	if (!qemu->move)
		return;
	if (!problem && JSON_NODE_HOLDS_OBJECT(value))
		reason = qmp_string(json_node_get_object(value), "error-desc");
	printable = text_printable(reason ? reason : "no reason given", -1);
	last_words = qemu->move->to->exit.stderr_end;
	qemu_move_fail(qemu->move, "QEMU says that the migration failed: %s%s%s", printable,
		       last_words ? "; destination: " : "", last_words ? last_words : "");
}

static void on_source_lives(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	g_autofree char *death = NULL;

	if (!qemu->move || qemu->move->finishing)
		return;
	death = vm_exit_describe(&qemu->move->to->exit);
	qemu_move_fail(qemu->move, "the destination died in mid-move (%s)", death);
}

/* ---- post-copy ---- */

static void on_rest_told(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	JsonObject *ram;

	if (!qemu->move || problem || !JSON_NODE_HOLDS_OBJECT(value))
		return;
	ram = qmp_object(json_node_get_object(value), "ram");
	qemu->move->bytes_left = MAX(0, qmp_number(ram, "remaining"));
}

/* QEMU starts the guest and answers in one thread: this comes when it runs. */
static void on_runs_there(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (qemu->move && !problem)
		qemu->move->runs_there = g_get_real_time();
}

static void advance_postcopy(struct qemu_move *move)
{
	struct qemu *from = move->from, *to = move->to;

	if (!move->switch_ordered && has_status(from, "active")) {
		move->switch_ordered = TRUE;
		qmp_execute(from->qmp, "migrate-start-postcopy", NULL, qemu_move_on_reply, from);
	}
	if (!move->switched && has_status(from, "postcopy-active")) {
		move->switched = from->migration_time;
		qmp_execute(from->qmp, "query-migrate", NULL, on_rest_told, from);
	}
	if (move->switched)
		qemu_recover_advance(move);
	if (move->switched && to->resume_time && to->pid && !move->asked_arrival) {
		move->asked_arrival = TRUE;
		qmp_execute(to->qmp, "query-status", NULL, on_runs_there, to);
	}
}

/*
 * The destination has ended while memory was still to come. If the guest has ended of
 * itself there, that is its end; all that can be said of the move is that it was early.
 */
static void end_postcopy_without_destination(struct qemu_move *move)
{
	struct move_stats stats = { .started = move->started * NS_PER_US, .early = TRUE };
	g_autofree char *death = vm_exit_describe(&move->to->exit);

	if (WIFSIGNALED(move->to->exit.wait_status)) {
		qemu_move_fail(move, "the destination died in mid-move (%s)", death);
		return;
	}
	stats.bytes_left = move->bytes_left;
	stats.total_ns = (g_get_real_time() - move->started) * NS_PER_US;
	stats.pause_max_ns = stats.total_ns;
	qemu_drain_console(move->from);
	qemu_move_finish(move, &stats, NULL);
}

/* ---- a source that is killed ---- */

static void progress(struct qemu_move *move);

/* It is not given the time to work out the rest. */
static void on_last_figures(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_move *move = qemu->move;

	if (!move)
		return;
	if (problem || !JSON_NODE_HOLDS_OBJECT(value) ||
	    !qemu_move_read_pages(json_node_get_object(value), &move->flight)) {
		qemu_move_fail(move, "%s", problem ? problem : "query-migrate tells no pages");
		return;
	}
	move->flight.unused = qemu_option_unused(move, json_node_get_object(value));
	qemu_kill(&qemu->vm);
	move->source_killed = TRUE;
	progress(move);
}

static void finish_without_source(struct qemu_move *move)
{
	struct move_stats stats = move->flight;

	qemu_move_take_time(move, &stats);
	/* Nobody has told when the source stopped the guest: it may have been at once. */
	stats.pause_max_ns = stats.total_ns;
	if (stamps_fit(move))
		stats.pause_min_ns =
			MAX(0, move->to->resume_time - move->from->stop_time) * NS_PER_US;
	qemu_drain_console(move->from);
	qemu_move_finish(move, &stats, NULL);
}

static void advance_without_source(struct qemu_move *move)
{
	struct qemu *from = move->from, *to = move->to;

	if (!move->asked_figures) {
		move->asked_figures = TRUE;
		qmp_execute(from->qmp, "query-migrate", NULL, on_last_figures, from);
	} else if (!move->source_killed && !from->pid) {
		g_autofree char *death = vm_exit_describe(&from->exit);

		qemu_move_fail(move, "the source died before it was killed (%s)", death);
	} else if (move->source_killed && has_status(to, "completed")) {
		finish_without_source(move);
	} else if (move->source_killed && !to->pid && to->resume_time) {
		to->migration_time = g_get_real_time(); /* the guest has come, and has ended */
		finish_without_source(move);
	} else if (move->source_killed && !to->pid) {
		g_autofree char *death = vm_exit_describe(&to->exit);

		qemu_move_fail(move,
			       "the destination died with the source, which had sent all (%s)",
			       death);
	}
}

/* ---- images of memory ---- */

static void on_continued(void *data, JsonNode *value, const char *problem)
{
	struct qemu *to = data;

	if (!to->move)
		return;
	if (problem) {
		qemu_move_fail(to->move, "%s", problem);
		return;
	}
	to->move->continued = TRUE;
	to->migration_time = g_get_real_time(); /* it runs now, and did not before */
	progress(to->move);
}

static void let_go_on(struct qemu *to)
{
	qmp_execute(to->qmp, "cont", NULL, on_continued, to);
}

static void on_destination_written(struct qemu *to)
{
	ram_images_compare(to->images);
	let_go_on(to);
}

static void on_source_written(struct qemu *from)
{
	qemu_write_ram(from->move->to, ram_images_destination(from->images),
		       on_destination_written);
}

/* Nobody runs: the source has sent all, and the destination has it. */
static void keep_images(struct qemu_move *move)
{
	struct qemu *from = move->from, *to = move->to;

	if (!move->keeping) {
		move->keeping = TRUE;
		if (!ram_images_wanted(from->images))
			let_go_on(to);
		else
			qemu_write_ram(from, ram_images_begin(from->images), on_source_written);
	} else if (!to->pid && to->resume_time) {
		to->migration_time = g_get_real_time(); /* the guest went on, and has ended */
		move->continued = TRUE;
	} else if (!to->pid) {
		g_autofree char *death = vm_exit_describe(&to->exit);

		qemu_move_fail(move, "the destination died before the guest went on (%s)", death);
	}
}

static void progress(struct qemu_move *move)
{
	gboolean sent, arrived;

	if (move->finishing)
		return;
	if (move->postcopy)
		advance_postcopy(move);
	sent = has_status(move->from, "completed");
	arrived = has_status(move->to, "completed");
	if (sent)
		qemu_option_sent(move->to);
	if (move->kill_source && sent) {
		advance_without_source(move);
		return;
	}
	if (!move->from->pid && WIFSIGNALED(move->from->exit.wait_status)) {
		g_autofree char *death = vm_exit_describe(&move->from->exit);

		qemu_move_fail(move, "the source died in mid-move (%s)", death);
		return;
	} else if (!move->from->pid) {
		/* The guest ended of itself, so there is nothing left to move; its exit is told. */
		qemu_move_forget(move->from);
		return;
	} else if (has_status(move->from, "failed")) {
		move->finishing = TRUE;
		qmp_execute(move->from->qmp, "query-migrate", NULL, on_failure_told, move->from);
	} else if (!move->to->pid && !arrived) {
		/*
		 * A guest that runs on the destination may end, and QEMU with it, before
		 * QEMU has told us that the guest has arrived.
		 */
		if (move->switched && move->to->resume_time && !sent) {
			end_postcopy_without_destination(move);
			return;
		} else if (sent && move->to->resume_time) {
			move->to->migration_time = g_get_real_time();
			arrived = TRUE;
		} else if (!move->to->resume_time && !move->asked_source) {
			/*
			 * A guest that ends on the source takes the stream with it, and the
			 * destination's end may be seen first: does the source live?
			 */
			move->asked_source = TRUE;
			qmp_execute(move->from->qmp, "query-migrate", NULL, on_source_lives,
				    move->from);
		}
	}
	if (sent && arrived && !move->finishing && move->to->starts_stopped && !move->continued) {
		keep_images(move);
		return;
	}
	if (sent && arrived && !move->finishing) {
		move->finishing = TRUE;
		qmp_execute(move->from->qmp, "query-migrate", NULL, on_figures, move->from);
	}
}

static gboolean on_move_stuck(gpointer data)
{
	struct qemu_move *move = data;

	move->timer = 0;
	qemu_move_fail(move, "the move did not end in time; source: migration %s, destination: %s",
		       move->from->migration_status ? move->from->migration_status : "not begun",
		       move->to->migration_status ? move->to->migration_status : "not begun");
	return G_SOURCE_REMOVE;
}

void qemu_move(struct vm *vm, struct vm *to_vm, const struct move_options *options,
	       move_done_function done, void *data)
{
	struct qemu *from = (struct qemu *)vm, *to = (struct qemu *)to_vm;
	struct qemu_move *move = qemu_move_begin(from, to, done, data);
	g_autofree char *uri = qemu_option_target(to);
	JsonObject *arguments;

	move->progress = progress;
	move->postcopy = options->postcopy;
	move->cuts_wanted = options->cuts;
	move->cut_after_ms = options->cut_after_ms;
	move->kill_source = options->kill_source;
	g_clear_pointer(&from->migration_status, g_free);
	move->timer = g_timeout_add_seconds(MOVE_DEADLINE_FACTOR * from->reply_seconds,
					    on_move_stuck, move);
	if (options->postcopy) {
		arguments = json_object_new();
		json_object_set_int_member(arguments, "max-postcopy-bandwidth",
					   options->late_bandwidth);
		qmp_execute(from->qmp, "migrate-set-parameters", arguments, qemu_move_on_reply,
			    from);
	}
	qemu_option_begin(move, options->bandwidth);

	arguments = json_object_new();
	json_object_set_string_member(arguments, "uri", uri);
	qmp_execute(from->qmp, "migrate", arguments, qemu_option_on_channel_reply, from);
}
