// SPDX-License-Identifier: GPL-2.0-or-later
/* The life of an action on a running QEMU. See action.h. */
#include "util/text.h"
#include "vmm/qemu/action.h"

void *qemu_action_begin(const struct qemu_action_kind *kind, struct qemu *from, struct qemu *to,
			action_done_function done, void *data)
{
	struct qemu_action *action = g_malloc0(kind->size);

	action->kind = kind;
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

void *qemu_action_of(const struct qemu *qemu, const struct qemu_action_kind *kind)
{
	return qemu->action && qemu->action->kind == kind ? qemu->action : NULL;
}

static gboolean on_deadline(gpointer data)
{
	struct qemu_action *action = data;

	action->deadline = 0;
	action->kind->too_late(action);
	return G_SOURCE_REMOVE;
}

void qemu_action_set_deadline(struct qemu_action *action, unsigned seconds)
{
	action->deadline = g_timeout_add_seconds(seconds, on_deadline, action);
}

static void detach(struct qemu_action *action)
{
	if (action->deadline)
		g_source_remove(action->deadline);
	if (action->kind->release)
		action->kind->release(action);
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
	if (qemu->action && qemu->action->kind->progress)
		qemu->action->kind->progress(qemu->action);
}

void qemu_action_on_reply(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (problem && qemu->action && !qemu->action->finishing)
		qemu_action_fail(qemu->action, "%s", problem);
}

void qemu_peek(struct qemu *qemu)
{
	JsonObject *arguments;

	if (!(qemu->options & OPTION_PEEK))
		return;
	arguments = json_object_new();
	json_object_set_string_member(arguments, "command-line", "info registers -a");
	qmp_execute(qemu->qmp, "human-monitor-command", arguments, qemu_action_on_reply, qemu);
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

char *qemu_action_failure(JsonNode *value, const char *problem)
{
	const char *reason = NULL;

	if (!problem && JSON_NODE_HOLDS_OBJECT(value))
		reason = member_string(json_node_get_object(value), "error-desc");
	return text_printable(reason ? reason : "no reason given", -1);
}

gboolean qemu_action_read_pages(JsonObject *figures, struct action_stats *stats)
{
	JsonObject *ram = member_object(figures, "ram");
	gint64 page_size = member_number(ram, "page-size");

	if (page_size <= 0 || member_number(ram, "normal") < 0 ||
	    member_number(ram, "duplicate") < 0 || member_number(ram, "total") < 0)
		return FALSE;
	stats->bytes = MAX(0, member_number(ram, "transferred"));
	stats->passes = MAX(0, member_number(ram, "dirty-sync-count"));
	/*
	 * Pages that were sent as a difference, or compressed, count neither as normal nor as
	 * duplicate.
	 */
	stats->pages_sent = member_number(ram, "normal") + member_number(ram, "duplicate") +
			    MAX(0, member_number(member_object(figures, "xbzrle-cache"), "pages")) +
			    MAX(0, member_number(member_object(figures, "compression"), "pages"));
	stats->pages_in_ram = member_number(ram, "total") / page_size;
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
		    !g_strcmp0(member_string(json_node_get_object(instance), "type"), "migration"))
			return TRUE;
	}
	return FALSE;
}

/* No event tells that the source has cleaned up, but until then query-yank lists the migration. */
static void on_instances(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (!qemu->action || !qemu->action->settled)
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
