// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pauses and resets of a QEMU (QMP reference, "Machine" and "System"), and what they have
 * in common with moves.
 */
#include "vmm/qemu/action.h"

struct qemu_move *qemu_move_begin(struct qemu *from, struct qemu *to, move_done_function done,
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
	if (move->moment)
		g_source_remove(move->moment);
	if (move->hold)
		g_source_remove(move->hold);
	move->from->move = NULL;
	if (move->to)
		move->to->move = NULL;
}

void qemu_move_finish(struct qemu_move *move, const struct move_stats *stats, const char *problem)
{
	detach(move);
	move->done(move->data, stats, problem);
	g_free(move);
}

void qemu_move_fail(struct qemu_move *move, const char *format, ...)
{
	g_autofree char *problem = NULL;
	va_list arguments;

	va_start(arguments, format);
	problem = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	qemu_move_finish(move, NULL, problem);
}

void qemu_move_forget(struct qemu *qemu)
{
	struct qemu_move *move = qemu->move;

	if (!move)
		return;
	detach(move);
	g_free(move);
}

void qemu_move_progress(struct qemu *qemu)
{
	if (qemu->move && qemu->move->progress)
		qemu->move->progress(qemu->move);
}

void qemu_move_on_reply(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (problem && qemu->move && !qemu->move->finishing)
		qemu_move_fail(qemu->move, "%s", problem);
}

JsonObject *qemu_move_figures(struct qemu_move *move, JsonNode *value, const char *problem)
{
	if (!move)
		return NULL;
	if (!problem && JSON_NODE_HOLDS_OBJECT(value))
		return json_node_get_object(value);
	qemu_move_fail(move, "%s", problem ? problem : "query-migrate answers with nonsense");
	return NULL;
}

gboolean qemu_move_read_pages(JsonObject *figures, struct move_stats *stats)
{
	JsonObject *ram = qmp_object(figures, "ram");
	gint64 page_size = qmp_number(ram, "page-size");

	if (page_size <= 0 || qmp_number(ram, "normal") < 0 || qmp_number(ram, "duplicate") < 0 ||
	    qmp_number(ram, "total") < 0)
		return FALSE;
	stats->bytes = MAX(0, qmp_number(ram, "transferred"));
	stats->passes = MAX(0, qmp_number(ram, "dirty-sync-count"));
	/* Neither normal nor duplicate is what was sent as a difference, or compressed. */
	stats->pages_sent = qmp_number(ram, "normal") + qmp_number(ram, "duplicate") +
			    MAX(0, qmp_number(qmp_object(figures, "xbzrle-cache"), "pages")) +
			    MAX(0, qmp_number(qmp_object(figures, "compression"), "pages"));
	stats->pages_in_ram = qmp_number(ram, "total") / page_size;
	return TRUE;
}

void qemu_move_take_time(const struct qemu_move *move, struct move_stats *stats)
{
	stats->started = move->started * NS_PER_US;
	stats->total_ns = (g_get_real_time() - move->started) * NS_PER_US;
}

/* ---- after a migration ---- */

static gboolean has_migration(JsonNode *instances)
{
	JsonArray *list = instances && JSON_NODE_HOLDS_ARRAY(instances)
				  ? json_node_get_array(instances)
				  : NULL;

	for (guint i = 0; list && i < json_array_get_length(list); i++) {
		JsonNode *instance = json_array_get_element(list, i);

		if (JSON_NODE_HOLDS_OBJECT(instance) &&
		    !g_strcmp0(qmp_string(json_node_get_object(instance), "type"), "migration"))
			return TRUE;
	}
	return FALSE;
}

/* No event tells this, but the migration is among what can be yanked until the very end. */
static void on_instances(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (!qemu->move)
		return;
	if (has_migration(value))
		qmp_execute(qemu->qmp, "query-yank", NULL, on_instances, qemu);
	else
		qemu->move->settled(qemu->move);
}

void qemu_move_settle(struct qemu_move *move, void (*settled)(struct qemu_move *move))
{
	move->settled = settled;
	qmp_execute(move->from->qmp, "query-yank", NULL, on_instances, move->from);
}

/* ---- pause ---- */

static void on_resumed(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_move *move = qemu->move;
	struct move_stats stats = { 0 };

	if (!move)
		return;
	if (problem) {
		qemu_move_fail(move, "%s", problem);
		return;
	}
	qemu_move_take_time(move, &stats);
	/*
	 * QEMU stops the clocks between our `stop` and its STOP event, and starts them
	 * between the RESUME event and its answer to `cont`.
	 */
	stats.pause_max_ns = stats.total_ns;
	stats.pause_min_ns =
		CLAMP((qemu->resume_time - qemu->stop_time) * NS_PER_US, 0, stats.pause_max_ns);
	qemu_move_finish(move, &stats, NULL);
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
		qemu_move_fail(qemu->move, "%s", problem);
	else
		qemu->move->timer = g_timeout_add(qemu->move->pause_ms, on_pause_over, qemu->move);
}

void qemu_pause(struct vm *vm, gint64 microseconds, move_done_function done, void *data)
{
	struct qemu *qemu = (struct qemu *)vm;
	struct qemu_move *move = qemu_move_begin(qemu, NULL, done, data);

	move->pause_ms = MAX(1, microseconds / 1000);
	qmp_execute(qemu->qmp, "stop", NULL, on_stopped, qemu);
}

/* ---- reset ---- */

static void finish_reset(struct qemu_move *move)
{
	struct move_stats stats = { 0 };

	if (!move->reset || !move->reboot_forbidden)
		return;
	qemu_move_take_time(move, &stats);
	qemu_move_finish(move, &stats, NULL);
}

void qemu_reset_done(struct qemu *qemu)
{
	if (!qemu->move)
		return;
	qemu->move->reset = TRUE;
	finish_reset(qemu->move);
}

static gboolean on_reset_stuck(gpointer data)
{
	struct qemu_move *move = data;

	move->timer = 0;
	qemu_move_fail(move, "QEMU did not reset the machine in time");
	return G_SOURCE_REMOVE;
}

static void set_reboot_action(struct qemu *qemu, const char *action, qmp_reply_function reply)
{
	JsonObject *arguments = json_object_new();

	json_object_set_string_member(arguments, "reboot", action);
	qmp_execute(qemu->qmp, "set-action", arguments, reply, qemu);
}

static void on_reset_reply(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (problem && qemu->move)
		qemu_move_fail(qemu->move, "%s", problem);
}

static void on_reboot_forbidden(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (!qemu->move)
		return;
	if (problem) {
		qemu_move_fail(qemu->move, "%s", problem);
		return;
	}
	qemu->move->reboot_forbidden = TRUE;
	finish_reset(qemu->move);
}

static void on_reboot_allowed(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (!qemu->move)
		return;
	if (problem) {
		qemu_move_fail(qemu->move,
			       "%s; plan reset needs a QEMU that has it (--qemu BINARY)", problem);
		return;
	}
	qmp_execute(qemu->qmp, "system_reset", NULL, on_reset_reply, qemu);
	set_reboot_action(qemu, "shutdown", on_reboot_forbidden);
}

/*
 * With --no-reboot QEMU would end instead. It looks at that when it is asked for the
 * reset, and not when it carries it out (qemu_system_reset_request()), so a reboot is
 * forbidden again at once.
 */
void qemu_reset(struct vm *vm, move_done_function done, void *data)
{
	struct qemu *qemu = (struct qemu *)vm;
	struct qemu_move *move = qemu_move_begin(qemu, NULL, done, data);

	move->timer = g_timeout_add_seconds(qemu->reply_seconds, on_reset_stuck, move);
	set_reboot_action(qemu, "reset", on_reboot_allowed);
}
