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

	if (problem && qemu->action)
		qemu_action_fail(qemu->action, "%s", problem);
}

static const char *way(const struct qemu_action *action)
{
	return action->how == BREAK_BY_CANCEL ? "was cancelled" : "had lost its destination";
}

/* ---- the guest goes on ---- */

static void finish(struct qemu_action *action)
{
	struct action_stats stats = action->flight;

	qemu_action_take_time(action, &stats);
	/* Most often it was never stopped. */
	if (action->from->stop_time >= action->started)
		stats.pause_max_ns = stats.total_ns;
	qemu_action_finish(action, &stats, NULL);
}

static void on_continued(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (!qemu->action)
		return;
	if (problem)
		qemu_action_fail(qemu->action, "%s", problem);
	else
		finish(qemu->action);
}

static void on_status(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	const char *status = value && JSON_NODE_HOLDS_OBJECT(value)
				     ? qmp_string(json_node_get_object(value), "status")
				     : NULL;

	if (!qemu->action)
		return;
	if (problem || !status) {
		qemu_action_fail(qemu->action, "%s",
				 problem ? problem : "query-status answers with nonsense");
	} else if (g_str_equal(status, "running")) {
		finish(qemu->action);
	} else if (qemu->action->how == BREAK_BY_DEATH &&
		   (g_str_equal(status, "paused") || g_str_equal(status, "postmigrate"))) {
		/* It had been stopped to go: who moves it decides what becomes of it. */
		qmp_execute(qemu->qmp, "cont", NULL, on_continued, qemu);
	} else {
		qemu_action_fail(qemu->action, "QEMU left the guest stopped (%s) when the move %s",
				 status, way(qemu->action));
	}
}

static void ask_for_status(struct qemu_action *action)
{
	qmp_execute(action->from->qmp, "query-status", NULL, on_status, action->from);
}

/* ---- mid-flight ---- */

static void on_flight_told(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_action *action = qemu->action;
	JsonObject *figures;

	figures = qemu_action_figures(action, value, problem);
	if (!figures)
		return;
	if (g_strcmp0(qmp_string(figures, "status"), "active") ||
	    !qemu_action_read_pages(figures, &action->flight)) {
		qemu_action_fail(action, "the move was not in flight when it was to be broken off");
		return;
	}
	action->flight.bytes_left = MAX(0, qmp_number(qmp_object(figures, "ram"), "remaining"));
	action->broken = TRUE;
	/* A destination whose stream ends does so as well, and in no good order. */
	action->to->exit.ordered = TRUE;
	if (action->how == BREAK_BY_CANCEL)
		qmp_execute(qemu->qmp, "migrate_cancel", NULL, on_reply, qemu);
	else
		qemu_kill(&action->to->vm);
}

static gboolean on_moment(gpointer data)
{
	struct qemu_action *action = data;

	action->moment = 0;
	qmp_execute(action->from->qmp, "query-migrate", NULL, on_flight_told, action->from);
	return G_SOURCE_REMOVE;
}

static void on_failure_told(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	const char *reason = NULL;
	g_autofree char *printable = NULL;

	if (!qemu->action)
		return;
	if (!problem && JSON_NODE_HOLDS_OBJECT(value))
		reason = qmp_string(json_node_get_object(value), "error-desc");
	printable = text_printable(reason ? reason : "no reason given", -1);
	qemu_action_fail(qemu->action, "QEMU says that the migration failed: %s", printable);
}

static void progress(struct qemu_action *action)
{
	struct qemu *from = action->from;
	g_autofree char *death = NULL;

	if (action->finishing)
		return;
	if (!from->pid && WIFSIGNALED(from->exit.wait_status)) {
		death = vm_exit_describe(&from->exit);
		qemu_action_fail(action, "the source died in mid-move (%s)", death);
	} else if (!from->pid) {
		qemu_action_forget(from); /* the guest ended of itself; its exit is told */
	} else if (has_status(from, "completed")) {
		qemu_action_fail(action, "QEMU completed a move that %s",
				 action->broken ? way(action) : "should have been in mid-flight");
	} else if (!action->broken && !action->to->pid) {
		death = vm_exit_describe(&action->to->exit);
		qemu_action_fail(action, "the destination died in mid-move (%s)", death);
	} else if (!action->broken && has_status(from, "failed")) {
		action->finishing = TRUE;
		qmp_execute(from->qmp, "query-migrate", NULL, on_failure_told, from);
	} else if (!action->broken && has_status(from, "active") && !action->in_flight) {
		action->in_flight = TRUE;
		action->moment = g_timeout_add(action->after_ms, on_moment, action);
	} else if (action->broken &&
		   has_status(from, action->how == BREAK_BY_CANCEL ? "cancelled" : "failed")) {
		action->finishing = TRUE;
		qemu_action_settle(action, ask_for_status);
	}
}

static gboolean on_stuck(gpointer data)
{
	struct qemu_action *action = data;
	const char *status = action->from->migration_status;

	action->timer = 0;
	if (action->broken)
		qemu_action_fail(action,
				 "the source did not notice in time that the move %s "
				 "(migration %s)",
				 way(action), status ? status : "not begun");
	else
		qemu_action_fail(action, "the move did not get going in time (migration %s)",
				 status ? status : "not begun");
	return G_SOURCE_REMOVE;
}

void qemu_break_migration(struct vm *vm, struct vm *to_vm,
			  const struct broken_migration_options *options, action_done_function done,
			  void *data)
{
	struct qemu *from = (struct qemu *)vm, *to = (struct qemu *)to_vm;
	struct qemu_action *action = qemu_action_begin(from, to, done, data);
	JsonObject *arguments = json_object_new();
	g_autofree char *uri = qemu_option_target(to);

	action->progress = progress;
	action->how = options->how;
	action->after_ms = options->after_ms;
	g_clear_pointer(&from->migration_status, g_free);
	action->timer = g_timeout_add_seconds(ACTION_DEADLINE_FACTOR * from->reply_seconds,
					      on_stuck, action);
	json_object_set_int_member(arguments, "max-bandwidth", options->bandwidth);
	qmp_execute(from->qmp, "migrate-set-parameters", arguments, on_reply, from);

	arguments = json_object_new();
	json_object_set_string_member(arguments, "uri", uri);
	qmp_execute(from->qmp, "migrate", arguments, on_reply, from);
}
