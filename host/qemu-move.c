// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pauses and live migrations of a QEMU. A move is: `migrate` on the source, then
 * events of both sides until the source says "completed" and the destination
 * runs, then `query-migrate` for the figures (QMP reference, "Migration").
 */
#include <string.h>
#include <sys/wait.h>

#include "qemu.h"
#include "text.h"

#define NS_PER_US 1000
#define NS_PER_MS 1000000

/* A move that takes longer than so many times the reply deadline has got stuck. */
#define MOVE_DEADLINE_FACTOR 4

/* So often are the figures of a move asked for until they are final. */
#define MOST_QUESTIONS 1000

/* "No limit" in migrate-set-parameters: more than any memory copies. */
#define UNLIMITED_BANDWIDTH (1ull << 40)

struct qemu_move {
	struct qemu *from, *to; /* `to` is NULL for a pause */
	move_done_function done;
	void *data;
	gint64 started; /* CLOCK_REALTIME, us */
	guint pause_ms;
	guint timer;	       /* of the pause, or the deadline of the move */
	unsigned questions;    /* how often the figures were not final */
	gboolean asked_source; /* whether it lives, since the destination does not */
	gboolean finishing;    /* the last question is on its way */
};

static struct qemu_move *begin(struct qemu *from, struct qemu *to, move_done_function done,
			       void *data)
{
	struct qemu_move *move = g_new0(struct qemu_move, 1);

	move->from = from;
	move->to = to;
	move->done = done;
	move->data = data;
	move->started = g_get_real_time();
	from->move = move;
	if (to)
		to->move = move;
	return move;
}

static void detach(struct qemu_move *move)
{
	if (move->timer)
		g_source_remove(move->timer);
	move->from->move = NULL;
	if (move->to)
		move->to->move = NULL;
}

static void finish(struct qemu_move *move, const struct move_stats *stats, const char *problem)
{
	detach(move);
	move->done(move->data, stats, problem);
	g_free(move);
}

static G_GNUC_PRINTF(2, 3) void fail(struct qemu_move *move, const char *format, ...)
{
	g_autofree char *problem = NULL;
	va_list arguments;

	va_start(arguments, format);
	problem = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	finish(move, NULL, problem);
}

void qemu_move_forget(struct qemu *qemu)
{
	struct qemu_move *move = qemu->move;

	if (!move)
		return;
	detach(move);
	g_free(move);
}

/*
 * Replies carry the QEMU and not the move, which may be over when they come: a
 * reply of a QEMU that lives finds its move, if there still is one, by it.
 */

/* ---- pause ---- */

static void on_resumed(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_move *move = qemu->move;
	struct move_stats stats = { 0 };

	if (!move)
		return;
	if (problem) {
		fail(move, "%s", problem);
		return;
	}
	stats.started = move->started * NS_PER_US;
	stats.total_ns = (g_get_real_time() - move->started) * NS_PER_US;
	/*
	 * QEMU stops the clocks between our `stop` and its STOP event, and starts them
	 * between the RESUME event and its answer to `cont`.
	 */
	stats.pause_max_ns = stats.total_ns;
	stats.pause_min_ns =
		CLAMP((qemu->resume_time - qemu->stop_time) * NS_PER_US, 0, stats.pause_max_ns);
	finish(move, &stats, NULL);
}

static gboolean on_pause_over(gpointer data)
{
	struct qemu_move *move = data;

	move->timer = 0;
	qmp_execute(move->from->qmp, "cont", NULL, on_resumed, move->from);
	return G_SOURCE_REMOVE;
}

static void on_stopped(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (!qemu->move)
		return;
	if (problem)
		fail(qemu->move, "%s", problem);
	else
		qemu->move->timer = g_timeout_add(qemu->move->pause_ms, on_pause_over, qemu->move);
}

void qemu_pause(struct vm *vm, gint64 microseconds, move_done_function done, void *data)
{
	struct qemu *qemu = (struct qemu *)vm;
	struct qemu_move *move = begin(qemu, NULL, done, data);

	move->pause_ms = MAX(1, microseconds / 1000);
	qmp_execute(qemu->qmp, "stop", NULL, on_stopped, qemu);
}

/* ---- live migration ---- */

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

static void on_figures(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_move *move = qemu->move;
	struct move_stats stats = { 0 };
	JsonObject *figures, *ram;
	gint64 page_size, downtime_ms, stopped;

	if (!move)
		return;
	if (problem || !JSON_NODE_HOLDS_OBJECT(value)) {
		fail(move, "%s", problem ? problem : "query-migrate answers with nonsense");
		return;
	}
	figures = json_node_get_object(value);
	ram = qmp_object(figures, "ram");
	page_size = qmp_number(ram, "page-size");
	downtime_ms = qmp_number(figures, "downtime");
	if (page_size <= 0 || downtime_ms < 0 || qmp_number(ram, "normal") < 0 ||
	    qmp_number(ram, "duplicate") < 0 || qmp_number(ram, "total") < 0) {
		fail(move, "query-migrate does not tell downtime, page size and pages");
		return;
	}
	stats.started = move->started * NS_PER_US;
	stats.total_ns = (g_get_real_time() - move->started) * NS_PER_US;
	if (!figures_are_final(figures) && ++move->questions < MOST_QUESTIONS) {
		qmp_execute(qemu->qmp, "query-migrate", NULL, on_figures, qemu);
		return;
	}
	stats.bytes = qmp_number(ram, "transferred");
	stats.passes = qmp_number(ram, "dirty-sync-count");
	stats.pages_sent = qmp_number(ram, "normal") + qmp_number(ram, "duplicate");
	stats.pages_in_ram = qmp_number(ram, "total") / page_size;
	/*
	 * The source takes the time just before it stops the guest, and again just after
	 * "completed"; `downtime` is the difference of these, both cut to milliseconds.
	 * The destination says "completed" when the guest runs.
	 */
	stopped = qemu->migration_time - (downtime_ms + 1) * 1000;
	stats.pause_min_ns = MAX(0, move->to->resume_time - qemu->stop_time) * NS_PER_US;
	stats.pause_max_ns =
		MAX(stats.pause_min_ns, (move->to->migration_time - stopped) * NS_PER_US);
	if (!stamps_fit(move)) {
		stats.pause_min_ns = 0;
		stats.pause_max_ns = stats.total_ns;
	}
	/* What the guest wrote before it was stopped comes before what it writes now. */
	qemu_drain_console(qemu);
	finish(move, &stats, NULL);
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
	fail(qemu->move, "QEMU says that the migration failed: %s%s%s", printable,
	     last_words ? "; destination: " : "", last_words ? last_words : "");
}

static void on_source_lives(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	g_autofree char *death = NULL;

	if (!qemu->move || qemu->move->finishing)
		return;
	death = vm_exit_describe(&qemu->move->to->exit);
	fail(qemu->move, "the destination died in mid-move (%s)", death);
}

void qemu_move_progress(struct qemu *qemu)
{
	struct qemu_move *move = qemu->move;
	gboolean sent, arrived;

	if (!move || !move->to || move->finishing)
		return;
	sent = !g_strcmp0(move->from->migration_status, "completed");
	arrived = !g_strcmp0(move->to->migration_status, "completed");
	if (!move->from->pid && WIFSIGNALED(move->from->exit.wait_status)) {
		g_autofree char *death = vm_exit_describe(&move->from->exit);

		fail(move, "the source died in mid-move (%s)", death);
	} else if (!move->from->pid) {
		/* The guest ended of itself, so there is nothing left to move; its exit is told. */
		qemu_move_forget(qemu);
	} else if (!g_strcmp0(move->from->migration_status, "failed")) {
		move->finishing = TRUE;
		qmp_execute(move->from->qmp, "query-migrate", NULL, on_failure_told, move->from);
	} else if (!move->to->pid && !arrived) {
		/*
		 * A guest that runs on the destination may end, and QEMU with it, before
		 * QEMU has told us that the guest has arrived.
		 */
		if (sent && move->to->resume_time) {
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
	if (sent && arrived && qemu->move && !move->finishing) {
		move->finishing = TRUE;
		qmp_execute(move->from->qmp, "query-migrate", NULL, on_figures, move->from);
	}
}

static gboolean on_move_stuck(gpointer data)
{
	struct qemu_move *move = data;

	move->timer = 0;
	fail(move, "the move did not end in time; source: migration %s, destination: %s",
	     move->from->migration_status ? move->from->migration_status : "not begun",
	     move->to->migration_status ? move->to->migration_status : "not begun");
	return G_SOURCE_REMOVE;
}

static void on_migrate_reply(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (problem && qemu->move && !qemu->move->finishing)
		fail(qemu->move, "%s", problem);
}

void qemu_move(struct vm *vm, struct vm *to_vm, const struct move_options *options,
	       move_done_function done, void *data)
{
	struct qemu *from = (struct qemu *)vm, *to = (struct qemu *)to_vm;
	struct qemu_move *move = begin(from, to, done, data);
	JsonObject *arguments = json_object_new();
	g_autofree char *uri = g_strconcat("unix:", to->incoming, NULL);

	g_clear_pointer(&from->migration_status, g_free);
	move->timer = g_timeout_add_seconds(MOVE_DEADLINE_FACTOR * from->reply_seconds,
					    on_move_stuck, move);
	json_object_set_int_member(arguments, "max-bandwidth",
				   options->bandwidth ? options->bandwidth : UNLIMITED_BANDWIDTH);
	qmp_execute(from->qmp, "migrate-set-parameters", arguments, on_migrate_reply, from);

	arguments = json_object_new();
	json_object_set_string_member(arguments, "uri", uri);
	qmp_execute(from->qmp, "migrate", arguments, on_migrate_reply, from);
}
