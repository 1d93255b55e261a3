// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Post-copy migrations whose stream is cut in mid-flight, and mended (QMP reference,
 * `migrate-pause`, `migrate-recover`, `migrate` with `resume`; QEMU's
 * docs/devel/migration/postcopy, "Postcopy Recovery"). Both sides then say
 * "postcopy-paused": the guest runs at the destination, with what memory it has, and
 * waits for what it touches beyond that. The destination is told to listen anew, the
 * source to go on there; both exchange what has come and what not, and the rest is sent.
 *
 * The destination is told out of band: its main thread may itself be waiting for a page.
 */
#include "vmm/qemu/option.h"
#include "vmm/qemu/recover.h"

#define LAST_BANDWIDTH (8 << 20)

static void on_resumed(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_action *action = qemu->action;

	if (!action)
		return;
	if (problem)
		qemu_action_fail(action, "the source would not go on after the cut: %s", problem);
	else
		qemu_action_progress(qemu);
}

static void on_listening(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_action *action = qemu->action;
	JsonObject *arguments;
	g_autofree char *uri = NULL;

	if (!action)
		return;
	if (problem) {
		qemu_action_fail(action, "the destination would not go on after the cut: %s",
				 problem);
		return;
	}
	uri = g_strconcat("unix:", qemu->incoming, NULL);
	arguments = json_object_new();
	json_object_set_string_member(arguments, "uri", uri);
	json_object_set_boolean_member(arguments, "resume", TRUE);
	action->cut = CUT_MENDING;
	qmp_execute(action->from->qmp, "migrate", arguments, on_resumed, action->from);
}

static void on_left_told(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;
	struct qemu_action *action = qemu->action;
	JsonObject *arguments, *figures;
	g_autofree char *uri = NULL;

	figures = qemu_action_figures(action, value, problem);
	if (!figures)
		return;
	action->bytes_left = MAX(0, qmp_number(qmp_object(figures, "ram"), "remaining"));
	action->cut_in_flight = action->bytes_left > 0;
	uri = g_strconcat("unix:", action->to->incoming, NULL);
	arguments = json_object_new();
	json_object_set_string_member(arguments, "uri", uri);
	qmp_execute_at_once(action->to->qmp, "migrate-recover", arguments, on_listening,
			    action->to);
}

/* It may have sent all by now; then there is nothing to cut any more. */
static void on_cut_reply(void *data, JsonNode *value, const char *problem)
{
	struct qemu *qemu = data;

	if (problem && qemu->action && has_status(qemu, "postcopy-active"))
		qemu_action_fail(qemu->action, "%s", problem);
}

static gboolean on_moment(gpointer data)
{
	struct qemu_action *action = data;

	action->moment = 0;
	action->cut = CUT_ORDERED;
	qmp_execute(action->from->qmp, "migrate-pause", NULL, on_cut_reply, action->from);
	return G_SOURCE_REMOVE;
}

/* Nothing is gained by going on as slowly as the cuts needed. */
static void send_the_rest(struct qemu *from)
{
	JsonObject *arguments = json_object_new();

	json_object_set_int_member(arguments, "max-postcopy-bandwidth", LAST_BANDWIDTH);
	qmp_execute(from->qmp, "migrate-set-parameters", arguments, qemu_action_on_reply, from);
}

void qemu_recover_advance(struct qemu_action *action)
{
	struct qemu *from = action->from, *to = action->to;

	switch (action->cut) {
	case CUT_NONE:
		/* The guest has to be there: before that QEMU cannot pause the move. */
		if (!action->cuts_wanted || !has_status(from, "postcopy-active") ||
		    !to->resume_time || !to->pid)
			return;
		action->cut = CUT_PLANNED;
		action->moment = g_timeout_add(action->cut_after_ms, on_moment, action);
		return;
	case CUT_PLANNED:
		return;
	case CUT_ORDERED:
		if (!has_status(from, "postcopy-paused") || !has_status(to, "postcopy-paused"))
			return;
		action->cut = CUT_MADE;
		qmp_execute(from->qmp, "query-migrate", NULL, on_left_told, from);
		return;
	case CUT_MADE:
		return;
	case CUT_MENDING:
		if (!has_status(from, "postcopy-active") && !has_status(from, "completed"))
			return;
		action->cuts_made += action->cut_in_flight;
		if (!--action->cuts_wanted)
			send_the_rest(from);
		action->cut = CUT_NONE;
		qemu_recover_advance(action);
		return;
	}
}
