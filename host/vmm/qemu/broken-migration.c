// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Live migrations of a QEMU that are broken off in mid-flight, so that the guest stays
 * (QMP reference, "Migration"): by `migrate_cancel`, or by the death of the destination.
 * Afterwards the source says "cancelled" or "failed", and has to have the guest running.
 */
#include <string.h>
#include <sys/wait.h>

#include "vmm/qemu/option.h"
#include "util/text.h"

static void on_reply(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (problem && qemu->move)
		qemu_move_fail(qemu->move, "%s", problem);
}

static const char *way(const struct qemu_move *move)
{
	return move->how == BREAK_BY_CANCEL ? "was cancelled" : "had lost its destination";
}

/* ---- the guest goes on ---- */

static void finish(struct qemu_move *move)
{
	struct move_stats stats = move->flight;

	qemu_move_take_time(move, &stats);
	/* Most often it was never stopped. */
	if (move->from->stop_time >= move->started)
		stats.pause_max_ns = stats.total_ns;
	qemu_move_finish(move, &stats, NULL);
}

static void on_continued(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (!qemu->move)
		return;
	if (problem)
		qemu_move_fail(qemu->move, "%s", problem);
	else
		finish(qemu->move);
}

static void on_status(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	const char *status = value && JSON_NODE_HOLDS_OBJECT(value)
				     ? qmp_string(json_node_get_object(value), "status")
				     : NULL;

	if (!qemu->move)
		return;
	if (problem || !status) {
		qemu_move_fail(qemu->move, "%s",
			       problem ? problem : "query-status answers with nonsense");
	} else if (g_str_equal(status, "running")) {
		finish(qemu->move);
	} else if (qemu->move->how == BREAK_BY_DEATH &&
		   (g_str_equal(status, "paused") || g_str_equal(status, "postmigrate"))) {
		/* It had been stopped to go: who moves it decides what becomes of it. */
		qmp_execute(qemu->qmp, "cont", NULL, on_continued, qemu);
	} else {
		qemu_move_fail(qemu->move, "QEMU left the guest stopped (%s) when the move %s",
			       status, way(qemu->move));
	}
}

static void ask_for_status(struct qemu_move *move)
{
	qmp_execute(move->from->qmp, "query-status", NULL, on_status, move->from);
}

/* ---- mid-flight ---- */

static void on_flight_told(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_move *move = qemu->move;
	JsonObject *figures;

	figures = qemu_move_figures(move, value, problem);
	if (!figures)
		return;
	if (g_strcmp0(qmp_string(figures, "status"), "active") ||
	    !qemu_move_read_pages(figures, &move->flight)) {
		qemu_move_fail(move, "the move was not in flight when it was to be broken off");
		return;
	}
	move->flight.bytes_left = MAX(0, qmp_number(qmp_object(figures, "ram"), "remaining"));
	move->broken = TRUE;
	/* A destination whose stream ends does so as well, and in no good order. */
	move->to->exit.ordered = TRUE;
	if (move->how == BREAK_BY_CANCEL)
		qmp_execute(qemu->qmp, "migrate_cancel", NULL, on_reply, qemu);
	else
		qemu_kill(&move->to->vm);
}

static gboolean on_moment(gpointer data)
{
	struct qemu_move *move = data;

	move->moment = 0;
	qmp_execute(move->from->qmp, "query-migrate", NULL, on_flight_told, move->from);
	return G_SOURCE_REMOVE;
}

static void on_failure_told(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	const char *reason = NULL;
	g_autofree char *printable = NULL;

	if (!qemu->move)
		return;
	if (!problem && JSON_NODE_HOLDS_OBJECT(value))
		reason = qmp_string(json_node_get_object(value), "error-desc");
	printable = text_printable(reason ? reason : "no reason given", -1);
	qemu_move_fail(qemu->move, "QEMU says that the migration failed: %s", printable);
}

static void progress(struct qemu_move *move)
{
	struct qemu *from = move->from;
	g_autofree char *death = NULL;

	if (move->finishing)
		return;
	if (!from->pid && WIFSIGNALED(from->exit.wait_status)) {
		death = vm_exit_describe(&from->exit);
		qemu_move_fail(move, "the source died in mid-move (%s)", death);
	} else if (!from->pid) {
		qemu_move_forget(from); /* the guest ended of itself; its exit is told */
	} else if (has_status(from, "completed")) {
		qemu_move_fail(move, "QEMU completed a move that %s",
			       move->broken ? way(move) : "should have been in mid-flight");
	} else if (!move->broken && !move->to->pid) {
		death = vm_exit_describe(&move->to->exit);
		qemu_move_fail(move, "the destination died in mid-move (%s)", death);
	} else if (!move->broken && has_status(from, "failed")) {
		move->finishing = TRUE;
		qmp_execute(from->qmp, "query-migrate", NULL, on_failure_told, from);
	} else if (!move->broken && has_status(from, "active") && !move->in_flight) {
		move->in_flight = TRUE;
		move->moment = g_timeout_add(move->after_ms, on_moment, move);
	} else if (move->broken &&
		   has_status(from, move->how == BREAK_BY_CANCEL ? "cancelled" : "failed")) {
		move->finishing = TRUE;
		qemu_move_settle(move, ask_for_status);
	}
}

static gboolean on_stuck(gpointer data)
{
	struct qemu_move *move = data;
	const char *status = move->from->migration_status;

	move->timer = 0;
	if (move->broken)
		qemu_move_fail(move,
			       "the source did not notice in time that the move %s "
			       "(migration %s)",
			       way(move), status ? status : "not begun");
	else
		qemu_move_fail(move, "the move did not get going in time (migration %s)",
			       status ? status : "not begun");
	return G_SOURCE_REMOVE;
}

void qemu_break_move(struct vm *vm, struct vm *to_vm, const struct break_options *options,
		     move_done_function done, void *data)
{
	struct qemu *from = (struct qemu *)vm, *to = (struct qemu *)to_vm;
	struct qemu_move *move = qemu_move_begin(from, to, done, data);
	JsonObject *arguments = json_object_new();
	g_autofree char *uri = qemu_option_target(to);

	move->progress = progress;
	move->how = options->how;
	move->after_ms = options->after_ms;
	g_clear_pointer(&from->migration_status, g_free);
	move->timer =
		g_timeout_add_seconds(MOVE_DEADLINE_FACTOR * from->reply_seconds, on_stuck, move);
	json_object_set_int_member(arguments, "max-bandwidth", options->bandwidth);
	qmp_execute(from->qmp, "migrate-set-parameters", arguments, on_reply, from);

	arguments = json_object_new();
	json_object_set_string_member(arguments, "uri", uri);
	qmp_execute(from->qmp, "migrate", arguments, on_reply, from);
}
