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
static gboolean stamps_fit(const struct qemu_action *action)
{
	const gint64 stamps[] = { action->from->stop_time, action->from->migration_time,
				  action->to->resume_time, action->to->migration_time };
	gint64 now = g_get_real_time();

	for (gsize i = 0; i < G_N_ELEMENTS(stamps); i++)
		if (stamps[i] < action->started || stamps[i] > now)
			return FALSE;
	return TRUE;
}

/*
 * The source says "postcopy-active" just before it stops the guest. The destination is
 * "completed" only when all memory has come, long after the guest runs there.
 */
static void note_postcopy(const struct qemu_action *action, JsonObject *ram,
			  struct action_stats *stats)
{
	gint64 arrived = action->runs_there ? action->runs_there : action->to->migration_time;
	gint64 sent_late = qmp_number(ram, "postcopy-bytes"); /* QEMU 7.0 */

	stats->early = TRUE;
	stats->cuts = action->cuts_made;
	stats->bytes_left = MAX(action->bytes_left, (guint64)MAX(0, sent_late));
	stats->pages_awaited = MAX(0, qmp_number(ram, "postcopy-requests"));
	stats->pause_max_ns = MAX(stats->pause_min_ns, (arrived - action->switched) * NS_PER_US);
}

static void on_figures(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_action *action = qemu->action;
	struct action_stats stats = { 0 };
	JsonObject *figures, *ram;
	gint64 downtime_ms, stopped;

	figures = qemu_action_figures(action, value, problem);
	if (!figures)
		return;
	ram = qmp_object(figures, "ram");
	downtime_ms = qmp_number(figures, "downtime");
	if (downtime_ms < 0 || !qemu_action_read_pages(figures, &stats)) {
		qemu_action_fail(action,
				 "query-migrate does not tell downtime, page size and pages");
		return;
	}
	qemu_action_take_time(action, &stats);
	if (!figures_are_final(figures) && ++action->questions < MOST_QUESTIONS) {
		qmp_execute(qemu->qmp, "query-migrate", NULL, on_figures, qemu);
		return;
	}
	/*
	 * The source takes the time just before it stops the guest, and again just after
	 * "completed"; `downtime` is the difference of these, both cut to milliseconds.
	 * The destination says "completed" when the guest runs.
	 */
	stopped = qemu->migration_time - (downtime_ms + 1) * 1000;
	stats.pause_min_ns = MAX(0, action->to->resume_time - qemu->stop_time) * NS_PER_US;
	stats.pause_max_ns =
		MAX(stats.pause_min_ns, (action->to->migration_time - stopped) * NS_PER_US);
	if (action->switched)
		note_postcopy(action, ram, &stats);
	stats.unused = qemu_option_unused(action, figures);
	if (!stamps_fit(action)) {
		stats.pause_min_ns = 0;
		stats.pause_max_ns = stats.total_ns;
	}
	/* What the guest wrote before it was stopped comes before what it writes now. */
	qemu_drain_console(qemu);
	qemu_action_finish(action, &stats, NULL);
}

static void on_failure_told(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	const char *reason = NULL, *last_words = NULL;
	g_autofree char *printable = NULL;

	if (!qemu->action)
		return;
	if (!problem && JSON_NODE_HOLDS_OBJECT(value))
		reason = qmp_string(json_node_get_object(value), "error-desc");
	printable = text_printable(reason ? reason : "no reason given", -1);
	last_words = qemu->action->to->exit.stderr_end;
	qemu_action_fail(qemu->action, "QEMU says that the migration failed: %s%s%s", printable,
			 last_words ? "; destination: " : "", last_words ? last_words : "");
}

static void on_source_lives(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	g_autofree char *death = NULL;

	if (!qemu->action || qemu->action->finishing)
		return;
	death = vm_exit_describe(&qemu->action->to->exit);
	qemu_action_fail(qemu->action, "the destination died in mid-move (%s)", death);
}

/* ---- post-copy ---- */

static void on_rest_told(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	JsonObject *ram;

	if (!qemu->action || problem || !JSON_NODE_HOLDS_OBJECT(value))
		return;
	ram = qmp_object(json_node_get_object(value), "ram");
	qemu->action->bytes_left = MAX(0, qmp_number(ram, "remaining"));
}

/* QEMU starts the guest and answers in one thread: this comes when it runs. */
static void on_runs_there(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (qemu->action && !problem)
		qemu->action->runs_there = g_get_real_time();
}

static void advance_postcopy(struct qemu_action *action)
{
	struct qemu *from = action->from, *to = action->to;

	if (!action->switch_ordered && has_status(from, "active")) {
		action->switch_ordered = TRUE;
		qmp_execute(from->qmp, "migrate-start-postcopy", NULL, qemu_action_on_reply, from);
	}
	if (!action->switched && has_status(from, "postcopy-active")) {
		action->switched = from->migration_time;
		qmp_execute(from->qmp, "query-migrate", NULL, on_rest_told, from);
	}
	if (action->switched)
		qemu_recover_advance(action);
	if (action->switched && to->resume_time && to->pid && !action->asked_arrival) {
		action->asked_arrival = TRUE;
		qmp_execute(to->qmp, "query-status", NULL, on_runs_there, to);
	}
}

/*
 * The destination has ended while memory was still to come. If the guest has ended of
 * itself there, that is its end; all that can be said of the move is that it was early.
 */
static void end_postcopy_without_destination(struct qemu_action *action)
{
	struct action_stats stats = { .started = action->started * NS_PER_US, .early = TRUE };
	g_autofree char *death = vm_exit_describe(&action->to->exit);

	if (WIFSIGNALED(action->to->exit.wait_status)) {
		qemu_action_fail(action, "the destination died in mid-move (%s)", death);
		return;
	}
	stats.bytes_left = action->bytes_left;
	stats.total_ns = (g_get_real_time() - action->started) * NS_PER_US;
	stats.pause_max_ns = stats.total_ns;
	qemu_drain_console(action->from);
	qemu_action_finish(action, &stats, NULL);
}

/* ---- a source that is killed ---- */

static void progress(struct qemu_action *action);

/* It is not given the time to work out the rest. */
static void on_last_figures(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_action *action = qemu->action;

	if (!action)
		return;
	if (problem || !JSON_NODE_HOLDS_OBJECT(value) ||
	    !qemu_action_read_pages(json_node_get_object(value), &action->flight)) {
		qemu_action_fail(action, "%s", problem ? problem : "query-migrate tells no pages");
		return;
	}
	action->flight.unused = qemu_option_unused(action, json_node_get_object(value));
	qemu_kill(&qemu->vm);
	action->source_killed = TRUE;
	progress(action);
}

static void finish_without_source(struct qemu_action *action)
{
	struct action_stats stats = action->flight;

	qemu_action_take_time(action, &stats);
	/* Nobody has told when the source stopped the guest: it may have been at once. */
	stats.pause_max_ns = stats.total_ns;
	if (stamps_fit(action))
		stats.pause_min_ns =
			MAX(0, action->to->resume_time - action->from->stop_time) * NS_PER_US;
	qemu_drain_console(action->from);
	qemu_action_finish(action, &stats, NULL);
}

static void advance_without_source(struct qemu_action *action)
{
	struct qemu *from = action->from, *to = action->to;

	if (!action->asked_figures) {
		action->asked_figures = TRUE;
		qmp_execute(from->qmp, "query-migrate", NULL, on_last_figures, from);
	} else if (!action->source_killed && !from->pid) {
		g_autofree char *death = vm_exit_describe(&from->exit);

		qemu_action_fail(action, "the source died before it was killed (%s)", death);
	} else if (action->source_killed && has_status(to, "completed")) {
		finish_without_source(action);
	} else if (action->source_killed && !to->pid && to->resume_time) {
		to->migration_time = g_get_real_time(); /* the guest has come, and has ended */
		finish_without_source(action);
	} else if (action->source_killed && !to->pid) {
		g_autofree char *death = vm_exit_describe(&to->exit);

		qemu_action_fail(action,
				 "the destination died with the source, which had sent all (%s)",
				 death);
	}
}

/* ---- images of memory ---- */

static void on_continued(void *data, JsonNode *value, const char *problem)
{
	struct qemu *to = data;

	if (!to->action)
		return;
	if (problem) {
		qemu_action_fail(to->action, "%s", problem);
		return;
	}
	to->action->continued = TRUE;
	to->migration_time = g_get_real_time(); /* it runs now, and did not before */
	progress(to->action);
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
	qemu_write_ram(from->action->to, ram_images_destination(from->images),
		       on_destination_written);
}

/* Nobody runs: the source has sent all, and the destination has it. */
static void keep_images(struct qemu_action *action)
{
	struct qemu *from = action->from, *to = action->to;

	if (!action->keeping) {
		action->keeping = TRUE;
		if (!ram_images_wanted(from->images))
			let_go_on(to);
		else
			qemu_write_ram(from, ram_images_begin(from->images), on_source_written);
	} else if (!to->pid && to->resume_time) {
		to->migration_time = g_get_real_time(); /* the guest went on, and has ended */
		action->continued = TRUE;
	} else if (!to->pid) {
		g_autofree char *death = vm_exit_describe(&to->exit);

		qemu_action_fail(action, "the destination died before the guest went on (%s)",
				 death);
	}
}

static void progress(struct qemu_action *action)
{
	gboolean sent, arrived;

	if (action->finishing)
		return;
	if (action->postcopy)
		advance_postcopy(action);
	sent = has_status(action->from, "completed");
	arrived = has_status(action->to, "completed");
	if (sent)
		qemu_option_sent(action->to);
	if (action->kill_source && sent) {
		advance_without_source(action);
		return;
	}
	if (!action->from->pid && WIFSIGNALED(action->from->exit.wait_status)) {
		g_autofree char *death = vm_exit_describe(&action->from->exit);

		qemu_action_fail(action, "the source died in mid-move (%s)", death);
		return;
	} else if (!action->from->pid) {
		/* The guest ended of itself, so there is nothing left to move; its exit is told. */
		qemu_action_forget(action->from);
		return;
	} else if (has_status(action->from, "failed")) {
		action->finishing = TRUE;
		qmp_execute(action->from->qmp, "query-migrate", NULL, on_failure_told,
			    action->from);
	} else if (!action->to->pid && !arrived) {
		/*
		 * A guest that runs on the destination may end, and QEMU with it, before
		 * QEMU has told us that the guest has arrived.
		 */
		if (action->switched && action->to->resume_time && !sent) {
			end_postcopy_without_destination(action);
			return;
		} else if (sent && action->to->resume_time) {
			action->to->migration_time = g_get_real_time();
			arrived = TRUE;
		} else if (!action->to->resume_time && !action->asked_source) {
			/*
			 * A guest that ends on the source takes the stream with it, and the
			 * destination's end may be seen first: does the source live?
			 */
			action->asked_source = TRUE;
			qmp_execute(action->from->qmp, "query-migrate", NULL, on_source_lives,
				    action->from);
		}
	}
	if (sent && arrived && !action->finishing && action->to->starts_stopped &&
	    !action->continued) {
		keep_images(action);
		return;
	}
	if (sent && arrived && !action->finishing) {
		action->finishing = TRUE;
		qmp_execute(action->from->qmp, "query-migrate", NULL, on_figures, action->from);
	}
}

static gboolean on_action_stuck(gpointer data)
{
	struct qemu_action *action = data;

	action->timer = 0;
	qemu_action_fail(
		action, "the move did not end in time; source: migration %s, destination: %s",
		action->from->migration_status ? action->from->migration_status : "not begun",
		action->to->migration_status ? action->to->migration_status : "not begun");
	return G_SOURCE_REMOVE;
}

void qemu_migrate(struct vm *vm, struct vm *to_vm, const struct migration_options *options,
		  action_done_function done, void *data)
{
	struct qemu *from = (struct qemu *)vm, *to = (struct qemu *)to_vm;
	struct qemu_action *action = qemu_action_begin(from, to, done, data);
	g_autofree char *uri = qemu_option_target(to);
	JsonObject *arguments;

	action->progress = progress;
	action->postcopy = options->postcopy;
	action->cuts_wanted = options->cuts;
	action->cut_after_ms = options->cut_after_ms;
	action->kill_source = options->kill_source;
	g_clear_pointer(&from->migration_status, g_free);
	action->timer = g_timeout_add_seconds(ACTION_DEADLINE_FACTOR * from->reply_seconds,
					      on_action_stuck, action);
	if (options->postcopy) {
		arguments = json_object_new();
		json_object_set_int_member(arguments, "max-postcopy-bandwidth",
					   options->late_bandwidth);
		qmp_execute(from->qmp, "migrate-set-parameters", arguments, qemu_action_on_reply,
			    from);
	}
	qemu_option_begin(action, options->bandwidth);

	arguments = json_object_new();
	json_object_set_string_member(arguments, "uri", uri);
	qmp_execute(from->qmp, "migrate", arguments, qemu_option_on_channel_reply, from);
}
