// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QMP client. The framing is QEMU's: one JSON object a line, from a monitor that
 * is not in pretty mode (docs/interop/qmp-spec, sections 2.2 to 2.5).
 */
#include <errno.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/qemu/qmp.h"
#include "util/text.h"

/* An answer has some kilobytes. More than this without a line end is nonsense. */
#define LONGEST_LINE (4 << 20)

#define NO_FILE -1

struct pending {
	qmp_reply_function reply;
	void *data;
	char *command;
	gint64 id; /* of a command that is answered out of order; else 0 */
};

struct qmp {
	int fd;
	guint readable;
	guint deadline;
	unsigned reply_seconds;
	gboolean greeted;
	gboolean broken;
	gboolean freed; /* freed by one of its own callbacks */
	unsigned busy;	/* depth of callbacks */
	GByteArray *input;
	GQueue *pending; /* of struct pending, in the order of sending */
	gint64 last_id;
	struct log_file *transcript;
	char *label;
	const struct qmp_listener *listener;
	void *data;
};

static void transcribe(struct qmp *qmp, char direction, const char *line, size_t length)
{
	gint64 now = g_get_real_time();
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT ".%06d %s%c %.*s\n",
						now / G_USEC_PER_SEC, (int)(now % G_USEC_PER_SEC),
						qmp->label, direction, (int)length, line);

	log_file_write(qmp->transcript, text, strlen(text));
}

static void pending_free(struct pending *pending)
{
	g_free(pending->command);
	g_free(pending);
}

static void release(struct qmp *qmp)
{
	g_free(qmp->label);
	g_byte_array_unref(qmp->input);
	g_queue_free_full(qmp->pending, (GDestroyNotify)pending_free);
	g_free(qmp);
}

static void stop_reading(struct qmp *qmp)
{
	if (qmp->readable)
		g_source_remove(qmp->readable);
	qmp->readable = 0;
}

static void stop_listening(struct qmp *qmp)
{
	stop_reading(qmp);
	if (qmp->deadline)
		g_source_remove(qmp->deadline);
	qmp->deadline = 0;
}

static G_GNUC_PRINTF(2, 3) void break_off(struct qmp *qmp, const char *format, ...)
{
	g_autofree char *problem = NULL;
	va_list arguments;

	if (qmp->broken || qmp->freed)
		return;
	qmp->broken = TRUE;
	stop_listening(qmp);
	va_start(arguments, format);
	problem = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	qmp->listener->broken(qmp->data, problem);
}

static gboolean too_late(gpointer data)
{
	struct qmp *qmp = data;
	struct pending *pending = g_queue_peek_head(qmp->pending);

	qmp->deadline = 0;
	qmp->busy++;
	if (!qmp->greeted)
		break_off(qmp, "no QMP greeting within %u s", qmp->reply_seconds);
	else
		break_off(qmp, "no answer to QMP command '%s' within %u s",
			  pending ? pending->command : "?", qmp->reply_seconds);
	if (!--qmp->busy && qmp->freed)
		release(qmp);
	return G_SOURCE_REMOVE;
}

/* While an answer is missing, the deadline runs from the last time that QEMU sent anything. */
static void restart_deadline(struct qmp *qmp)
{
	if (qmp->deadline)
		g_source_remove(qmp->deadline);
	qmp->deadline = 0;
	if (!qmp->broken && (!qmp->greeted || !g_queue_is_empty(qmp->pending)))
		qmp->deadline = g_timeout_add_seconds(qmp->reply_seconds, too_late, qmp);
}

static void handle_greeting(struct qmp *qmp, JsonObject *greeting)
{
	JsonObject *numbers = member_object(member_object(greeting, "version"), "qemu");
	gint64 major = member_number(numbers, "major");
	gint64 minor = member_number(numbers, "minor");
	gint64 micro = member_number(numbers, "micro");
	g_autofree char *version = NULL;

	if (major < 0 || minor < 0 || micro < 0) {
		break_off(qmp, "the QMP greeting names no QEMU version");
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
		break_off(qmp, "the QMP event '%s' has no timestamp", name);
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
		break_off(qmp, "a QMP answer to nothing that was asked");
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

static void handle_line(struct qmp *qmp, const char *line, size_t length)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	JsonObject *message, *greeting;
	JsonNode *root;
	const char *event;

	transcribe(qmp, '<', line, length);
	if (!g_utf8_validate(line, length, NULL) ||
	    !json_parser_load_from_data(parser, line, length, NULL) ||
	    !(root = json_parser_get_root(parser)) || !JSON_NODE_HOLDS_OBJECT(root)) {
		g_autofree char *text = text_printable(line, length);

		break_off(qmp, "QMP answered with nonsense: %s", text);
		return;
	}
	message = json_node_get_object(root);
	greeting = member_object(message, "QMP");
	event = member_string(message, "event");
	if (greeting && !qmp->greeted)
		handle_greeting(qmp, greeting);
	else if (!qmp->greeted)
		break_off(qmp, "the QMP stream does not begin with a greeting");
	else if (event)
		handle_event(qmp, event, message);
	else if (json_object_has_member(message, "return") ||
		 json_object_has_member(message, "error"))
		handle_reply(qmp, message);
	else
		break_off(qmp, "a QMP message that is neither an event nor an answer");
}

static void handle_lines(struct qmp *qmp)
{
	while (!qmp->freed && !qmp->broken) {
		char *end = memchr(qmp->input->data, '\n', qmp->input->len);
		g_autofree char *line = NULL;
		size_t length;

		if (!end)
			break;
		length = end - (char *)qmp->input->data;
		line = g_strndup((char *)qmp->input->data, length);
		g_byte_array_remove_range(qmp->input, 0, length + 1);
		while (length && line[length - 1] == '\r')
			length--;
		if (length)
			handle_line(qmp, line, length);
	}
	if (!qmp->freed && qmp->input->len > LONGEST_LINE)
		break_off(qmp, "QMP answered with nonsense: %u bytes without a line end",
			  qmp->input->len);
}

void qmp_drain(struct qmp *qmp)
{
	guint8 bytes[16384];
	ssize_t length;

	if (qmp->broken)
		return;
	qmp->busy++;
	while (!qmp->freed && !qmp->broken) {
		length = recv(qmp->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0) {
			/*
			 * If QEMU has ended, its exit status says more. If it lives, the answers
			 * are still missing, and the deadline runs.
			 */
			if (!length || errno != EAGAIN)
				stop_reading(qmp);
			break;
		}
		g_byte_array_append(qmp->input, bytes, length);
		handle_lines(qmp);
		if (!qmp->freed)
			restart_deadline(qmp);
	}
	if (!--qmp->busy && qmp->freed)
		release(qmp);
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data)
{
	qmp_drain(data);
	return G_SOURCE_CONTINUE;
}

struct qmp *qmp_new(int fd, struct log_file *transcript, const char *label, unsigned reply_seconds,
		    const struct qmp_listener *listener, void *data)
{
	struct qmp *qmp = g_new0(struct qmp, 1);

	qmp->fd = fd;
	qmp->reply_seconds = reply_seconds;
	qmp->listener = listener;
	qmp->data = data;
	qmp->transcript = transcript;
	qmp->label = g_strdup(label);
	qmp->input = g_byte_array_new();
	qmp->pending = g_queue_new();
	qmp->readable = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP, on_readable, qmp);
	restart_deadline(qmp);
	return qmp;
}

/* Sends TEXT, with FILE unless that is NO_FILE. */
static ssize_t send_with_file(int fd, const char *text, int file)
{
	struct iovec bytes = { .iov_base = (char *)text, .iov_len = strlen(text) };
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };

	if (file != NO_FILE) {
		memcpy(CMSG_DATA(&control.head), &file, sizeof(file));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void qmp_execute(struct qmp *qmp, const char *command, JsonObject *arguments,
		 qmp_reply_function reply, void *data)
{
	qmp_execute_with_file(qmp, command, arguments, NO_FILE, reply, data);
}

static void execute(struct qmp *qmp, const char *command, JsonObject *arguments, int file,
		    gboolean at_once, qmp_reply_function reply, void *data)
{
	g_autoptr(JsonNode) root = json_node_new(JSON_NODE_OBJECT);
	JsonObject *message = json_object_new();
	struct pending *pending = g_new0(struct pending, 1);
	g_autofree char *text = NULL, *line = NULL;

	json_object_set_string_member(message, at_once ? "exec-oob" : "execute", command);
	if (arguments)
		json_object_set_object_member(message, "arguments", arguments);
	if (at_once)
		json_object_set_int_member(message, "id", ++qmp->last_id);
	json_node_take_object(root, message);
	text = json_to_string(root, FALSE);
	transcribe(qmp, '>', text, strlen(text));
	line = g_strconcat(text, "\n", NULL);

	pending->command = g_strdup(command);
	pending->id = at_once ? qmp->last_id : 0;
	pending->reply = reply;
	pending->data = data;
	g_queue_push_tail(qmp->pending, pending);
	if (send_with_file(qmp->fd, line, file) < 0 && errno == EAGAIN)
		break_off(qmp, "QEMU does not read its QMP commands");
	else if (!qmp->deadline)
		restart_deadline(qmp);
}

void qmp_execute_with_file(struct qmp *qmp, const char *command, JsonObject *arguments, int file,
			   qmp_reply_function reply, void *data)
{
	execute(qmp, command, arguments, file, FALSE, reply, data);
}

void qmp_execute_at_once(struct qmp *qmp, const char *command, JsonObject *arguments,
			 qmp_reply_function reply, void *data)
{
	execute(qmp, command, arguments, NO_FILE, TRUE, reply, data);
}

void qmp_free(struct qmp *qmp)
{
	stop_listening(qmp);
	close(qmp->fd);
	qmp->freed = TRUE;
	if (!qmp->busy)
		release(qmp);
}
