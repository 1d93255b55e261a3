// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QMP client. The framing is QEMU's: one JSON object a line, from a monitor that
 * is not in pretty mode (docs/interop/qmp-spec, sections 2.2 to 2.5).
 */
#include <string.h>

#include "util/text.h"
#include "vmm/line-channel.h"
#include "vmm/qemu/qmp.h"

/* An answer has some kilobytes. More than this without a line end is nonsense. */
#define LONGEST_LINE (4 << 20)

struct pending {
	qmp_reply_function reply;
	void *data;
	char *command;
	gint64 id; /* of a command that is answered out of order; else 0 */
};

struct qmp {
	struct line_channel *lines;
	gboolean greeted;
	GQueue *pending; /* of struct pending, in the order of sending */
	gint64 last_id;
	const struct qmp_listener *listener;
	void *data;
};

static void pending_free(struct pending *pending)
{
	g_free(pending->command);
	g_free(pending);
}

/* ---- what comes ---- */

static void handle_greeting(struct qmp *qmp, JsonObject *greeting)
{
	JsonObject *numbers = member_object(member_object(greeting, "version"), "qemu");
	gint64 major = member_number(numbers, "major");
	gint64 minor = member_number(numbers, "minor");
	gint64 micro = member_number(numbers, "micro");
	g_autofree char *version = NULL;

	if (major < 0 || minor < 0 || micro < 0) {
		line_channel_break(qmp->lines, "the QMP greeting names no QEMU version");
		return;
	}
	qmp->greeted = TRUE;
	version = g_strdup_printf("%d.%d.%d", (int)major, (int)minor, (int)micro);
	qmp->listener->greeted(qmp->data, version, major, minor);
}

static void handle_event(struct qmp *qmp, const char *name, JsonObject *message)
{
	JsonObject *stamp = member_object(message, "timestamp");
	gint64 seconds = member_number(stamp, "seconds");
	gint64 microseconds = member_number(stamp, "microseconds");

	if (seconds < 0 || microseconds < 0) {
		line_channel_break(qmp->lines, "the QMP event '%s' has no timestamp", name);
		return;
	}
	qmp->listener->event(qmp->data, name, member_object(message, "data"),
			     seconds * G_USEC_PER_SEC + microseconds);
}

/* The command that the answer with ID is for. 0: the first one that is answered in order. */
static struct pending *take_pending(struct qmp *qmp, gint64 id)
{
	for (GList *link = qmp->pending->head; link; link = link->next) {
		struct pending *pending = link->data;

		if (pending->id != id)
			continue;
		g_queue_delete_link(qmp->pending, link);
		return pending;
	}
	return NULL;
}

static void handle_reply(struct qmp *qmp, JsonObject *message)
{
	JsonNode *value = json_object_get_member(message, "return");
	struct pending *pending = take_pending(qmp, MAX(0, member_number(message, "id")));
	g_autofree char *problem = NULL;

	if (!pending) {
		line_channel_break(qmp->lines, "a QMP answer that no command waits for");
		return;
	}
	if (!value) {
		const char *reason = member_string(member_object(message, "error"), "desc");
		g_autofree char *text = text_printable(reason ? reason : "no reason given", -1);

		problem = g_strdup_printf("QMP command '%s' failed: %s", pending->command, text);
	}
	if (pending->reply)
		pending->reply(pending->data, value, problem);
	pending_free(pending);
}

static void handle_line(struct qmp *qmp, const char *line, gsize length)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	JsonObject *message, *greeting;
	JsonNode *root;
	const char *event;

	if (!g_utf8_validate(line, length, NULL) ||
	    !json_parser_load_from_data(parser, line, length, NULL) ||
	    !(root = json_parser_get_root(parser)) || !JSON_NODE_HOLDS_OBJECT(root)) {
		g_autofree char *text = text_printable(line, length);

		line_channel_break(qmp->lines, "QMP answered with nonsense: %s", text);
		return;
	}
	message = json_node_get_object(root);
	greeting = member_object(message, "QMP");
	event = member_string(message, "event");
	if (greeting && !qmp->greeted)
		handle_greeting(qmp, greeting);
	else if (!qmp->greeted)
		line_channel_break(qmp->lines, "the QMP stream does not begin with a greeting");
	else if (event)
		handle_event(qmp, event, message);
	else if (json_object_has_member(message, "return") ||
		 json_object_has_member(message, "error"))
		handle_reply(qmp, message);
	else
		line_channel_break(qmp->lines,
				   "a QMP message that is neither an event nor an answer");
}

static void on_line(void *data, const char *line, gsize length)
{
	while (length && line[length - 1] == '\r')
		length--;
	if (length)
		handle_line(data, line, length);
}

/* ---- the client ---- */

static char *owed(void *data)
{
	struct qmp *qmp = data;
	const struct pending *pending = g_queue_peek_head(qmp->pending);

	if (!qmp->greeted)
		return g_strdup("no QMP greeting");
	return pending ? g_strdup_printf("no answer to QMP command '%s'", pending->command) : NULL;
}

static void on_broken(void *data, const char *problem)
{
	struct qmp *qmp = data;

	qmp->listener->broken(qmp->data, problem);
}

static void on_released(void *data)
{
	struct qmp *qmp = data;

	g_queue_free_full(qmp->pending, (GDestroyNotify)pending_free);
	g_free(qmp);
}

static const struct line_channel_user user = {
	.line = on_line,
	.owed = owed,
	.broken = on_broken,
	.released = on_released,
	.says_nonsense = "QMP answered with nonsense",
	.does_not_read = "QEMU does not read its QMP commands",
	.longest_line = LONGEST_LINE,
};

struct qmp *qmp_new(int fd, struct log_file *transcript, const char *label, unsigned reply_seconds,
		    const struct qmp_listener *listener, void *data)
{
	struct qmp *qmp = g_new0(struct qmp, 1);

	qmp->listener = listener;
	qmp->data = data;
	qmp->pending = g_queue_new();
	qmp->lines = line_channel_new(fd, transcript, label, reply_seconds, &user, qmp);
	return qmp;
}

void qmp_execute(struct qmp *qmp, const char *command, JsonObject *arguments,
		 qmp_reply_function reply, void *data)
{
	qmp_execute_with_file(qmp, command, arguments, LINE_CHANNEL_NO_FILE, reply, data);
}

static void execute(struct qmp *qmp, const char *command, JsonObject *arguments, int file,
		    gboolean at_once, qmp_reply_function reply, void *data)
{
	g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
	JsonObject *message = json_object_new();
	struct pending *pending = g_new0(struct pending, 1);
	g_autofree char *text = NULL;

	json_object_set_string_member(message, at_once ? "exec-oob" : "execute", command);
	if (arguments)
		json_object_set_object_member(message, "arguments", arguments);
	if (at_once)
		json_object_set_int_member(message, "id", ++qmp->last_id);
	json_node_take_object(root, message);
	text = json_to_string(root, FALSE);
	pending->command = g_strdup(command);
	pending->id = at_once ? qmp->last_id : 0;
	pending->reply = reply;
	pending->data = data;
	g_queue_push_tail(qmp->pending, pending);
	line_channel_send(qmp->lines, text, file);
}

void qmp_execute_with_file(struct qmp *qmp, const char *command, JsonObject *arguments, int file,
			   qmp_reply_function reply, void *data)
{
	execute(qmp, command, arguments, file, FALSE, reply, data);
}

void qmp_execute_at_once(struct qmp *qmp, const char *command, JsonObject *arguments,
			 qmp_reply_function reply, void *data)
{
	execute(qmp, command, arguments, LINE_CHANNEL_NO_FILE, TRUE, reply, data);
}

void qmp_drain(struct qmp *qmp)
{
	line_channel_drain(qmp->lines);
}

void qmp_free(struct qmp *qmp)
{
	line_channel_free(qmp->lines);
}
