// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pauses and resets of a QEMU (QMP reference, "Machine" and "System"), and what they have
 * in common with moves.
 */
#include "vmm/qemu/action.h"

struct qemu_action *qemu_action_begin(struct qemu *from, struct qemu *to, action_done_function done,
				      void *data)
{
	struct qemu_action *action = g_new0(struct qemu_action, 1);

	action->from = from;
	action->to = to;
	action->done = done;
	action->data = data;
	action->started = g_get_real_time();
	from->action = action;
	if (to)
		to->action = action;
	return action;
}

static void detach(struct qemu_action *action)
{
	if (action->timer)
		g_source_remove(action->timer);
	if (action->moment)
		g_source_remove(action->moment);
	if (action->hold)
		g_source_remove(action->hold);
	action->from->action = NULL;
	if (action->to)
		action->to->action = NULL;
}

void qemu_action_finish(struct qemu_action *action, const struct action_stats *stats,
			const char *problem)
{
	detach(action);
	action->done(action->data, stats, problem);
	g_free(action);
}

void qemu_action_fail(struct qemu_action *action, const char *format, ...)
{
	g_autofree char *problem = NULL;
	va_list arguments;

	va_start(arguments, format);
	problem = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	qemu_action_finish(action, NULL, problem);
}

void qemu_action_forget(struct qemu *qemu)
{
	struct qemu_action *action = qemu->action;

	if (!action)
		return;
	detach(action);
	g_free(action);
}

void qemu_action_progress(struct qemu *qemu)
{
	if (qemu->action && qemu->action->progress)
		qemu->action->progress(qemu->action);
}

void qemu_action_on_reply(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (problem && qemu->action && !qemu->action->finishing)
		qemu_action_fail(qemu->action, "%s", problem);
}

JsonObject *qemu_action_figures(struct qemu_action *action, JsonNode *value, const char *problem)
{
	if (!action)
		return NULL;
	if (!problem && JSON_NODE_HOLDS_OBJECT(value))
		return json_node_get_object(value);
	qemu_action_fail(action, "%s", problem ? problem : "query-migrate answers with nonsense");
	return NULL;
}

gboolean qemu_action_read_pages(JsonObject *figures, struct action_stats *stats)
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

void qemu_action_take_time(const struct qemu_action *action, struct action_stats *stats)
{
	stats->started = action->started * NS_PER_US;
	stats->total_ns = (g_get_real_time() - action->started) * NS_PER_US;
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

	if (!qemu->action)
		return;
	if (has_migration(value))
		qmp_execute(qemu->qmp, "query-yank", NULL, on_instances, qemu);
	else
		qemu->action->settled(qemu->action);
}

void qemu_action_settle(struct qemu_action *action, void (*settled)(struct qemu_action *action))
{
	action->settled = settled;
	qmp_execute(action->from->qmp, "query-yank", NULL, on_instances, action->from);
}

/* ---- pause ---- */

static void on_resumed(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_action *action = qemu->action;
	struct action_stats stats = { 0 };

	if (!action)
		return;
	if (problem) {
		qemu_action_fail(action, "%s", problem);
		return;
	}
	qemu_action_take_time(action, &stats);
	/*
	 * QEMU stops the clocks between our `stop` and its STOP event, and starts them
	 * between the RESUME event and its answer to `cont`.
	 */
	stats.pause_max_ns = stats.total_ns;
	stats.pause_min_ns =
		CLAMP((qemu->resume_time - qemu->stop_time) * NS_PER_US, 0, stats.pause_max_ns);
	qemu_action_finish(action, &stats, NULL);
}

static gboolean on_pause_over(gpointer data)
{
	struct qemu_action *action = data;

	action->timer = 0;
	qmp_execute(action->from->qmp, "cont", NULL, on_resumed, action->from);
	return G_SOURCE_REMOVE;
}

static void on_stopped(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (!qemu->action)
		return;
	if (problem)
		qemu_action_fail(qemu->action, "%s", problem);
	else
		qemu->action->timer =
			g_timeout_add(qemu->action->pause_ms, on_pause_over, qemu->action);
}

void qemu_pause(struct vm *vm, gint64 microseconds, action_done_function done, void *data)
{
	struct qemu *qemu = (struct qemu *)vm;
	struct qemu_action *action = qemu_action_begin(qemu, NULL, done, data);

	action->pause_ms = MAX(1, microseconds / 1000);
	qmp_execute(qemu->qmp, "stop", NULL, on_stopped, qemu);
}

/* ---- reset ---- */

static void finish_reset(struct qemu_action *action)
{
	struct action_stats stats = { 0 };

	if (!action->reset || !action->reboot_forbidden)
		return;
	qemu_action_take_time(action, &stats);
	qemu_action_finish(action, &stats, NULL);
}

void qemu_reset_done(struct qemu *qemu)
{
	if (!qemu->action)
		return;
	qemu->action->reset = TRUE;
	finish_reset(qemu->action);
}

static gboolean on_reset_stuck(gpointer data)
{
	struct qemu_action *action = data;

	action->timer = 0;
	qemu_action_fail(action, "QEMU did not reset the machine in time");
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

	if (problem && qemu->action)
		qemu_action_fail(qemu->action, "%s", problem);
}

static void on_reboot_forbidden(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (!qemu->action)
		return;
	if (problem) {
		qemu_action_fail(qemu->action, "%s", problem);
		return;
	}
	qemu->action->reboot_forbidden = TRUE;
	finish_reset(qemu->action);
}

static void on_reboot_allowed(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (!qemu->action)
		return;
	if (problem) {
		qemu_action_fail(qemu->action,
				 "%s; plan reset needs a QEMU that has it (--qemu BINARY)",
				 problem);
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
void qemu_reset(struct vm *vm, action_done_function done, void *data)
{
	struct qemu *qemu = (struct qemu *)vm;
	struct qemu_action *action = qemu_action_begin(qemu, NULL, done, data);

	action->timer = g_timeout_add_seconds(qemu->reply_seconds, on_reset_stuck, action);
	set_reboot_action(qemu, "reset", on_reboot_allowed);
}
