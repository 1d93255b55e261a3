// SPDX-License-Identifier: GPL-2.0-or-later
/* See channel.h. */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/text.h"
#include "vmm/native/channel.h"

#define PROTOCOL     "1"
#define LONGEST_LINE 65536

struct pending {
	guint64 number;
	char *request;
	native_reply_function reply;
	void *data;
};

struct native_channel {
	int fd;
	guint readable, deadline;
	unsigned reply_seconds;
	gboolean greeted, broken;
	gboolean freed; /* by one of its own functions */
	unsigned busy;	/* depth of functions that must not find it freed */
	GString *input;
	GQueue *pending; /* of struct pending, in the order of sending */
	guint64 asked;
	struct log_file *transcript;
	char *label;
	const struct native_channel_listener *listener;
	void *data;
};

static void transcribe(struct native_channel *channel, char direction, const char *line)
{
	gint64 now = g_get_real_time();
	g_autofree char *text =
		g_strdup_printf("%" G_GINT64_FORMAT ".%06d %s%c %s\n", now / G_USEC_PER_SEC,
				(int)(now % G_USEC_PER_SEC), channel->label, direction, line);

	log_file_write(channel->transcript, text, strlen(text));
}

static void pending_free(struct pending *pending)
{
	g_free(pending->request);
	g_free(pending);
}

static void release(struct native_channel *channel)
{
	g_string_free(channel->input, TRUE);
	g_queue_free_full(channel->pending, (GDestroyNotify)pending_free);
	g_free(channel->label);
	g_free(channel);
}

static void leave(struct native_channel *channel)
{
	if (!--channel->busy && channel->freed)
		release(channel);
}

static void stop_reading(struct native_channel *channel)
{
	if (channel->readable)
		g_source_remove(channel->readable);
	channel->readable = 0;
}

static void stop_deadline(struct native_channel *channel)
{
	if (channel->deadline)
		g_source_remove(channel->deadline);
	channel->deadline = 0;
}

static G_GNUC_PRINTF(2, 3) void break_off(struct native_channel *channel, const char *format, ...)
{
	g_autofree char *problem = NULL;
	va_list arguments;

	if (channel->broken || channel->freed)
		return;
	channel->broken = TRUE;
	stop_reading(channel);
	stop_deadline(channel);
	va_start(arguments, format);
	problem = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	channel->listener->broken(channel->data, problem);
}

static gboolean too_late(gpointer data)
{
	struct native_channel *channel = data;
	const struct pending *pending = g_queue_peek_head(channel->pending);

	channel->deadline = 0;
	channel->busy++;
	if (!channel->greeted)
		break_off(channel, "ferry-vmm did not say hello within %u s",
			  channel->reply_seconds);
	else
		break_off(channel, "ferry-vmm did not answer the request '%s' within %u s",
			  pending->request, channel->reply_seconds);
	leave(channel);
	return G_SOURCE_REMOVE;
}

/* While an answer is missing, the deadline runs from the last time that anything came. */
static void restart_deadline(struct native_channel *channel)
{
	stop_deadline(channel);
	if (!channel->broken && (!channel->greeted || !g_queue_is_empty(channel->pending)))
		channel->deadline =
			g_timeout_add_seconds(channel->reply_seconds, too_late, channel);
}

/* ---- what comes ---- */

static const char *value_of(const struct native_line *line, const char *key)
{
	const char *value = g_hash_table_lookup(line->values, key);

	return value ? value : "";
}

static void handle_hello(struct native_channel *channel, const struct native_line *line)
{
	const char *protocol = value_of(line, "protocol");

	if (!g_str_equal(protocol, PROTOCOL)) {
		break_off(
			channel,
			"ferry-vmm speaks version '%s' of the control protocol, and this ferry speaks " PROTOCOL
			"; build both from one source",
			protocol);
		return;
	}
	channel->greeted = TRUE;
	channel->listener->hello(channel->data, value_of(line, "version"),
				 g_str_equal(value_of(line, "clocks"), "stop"));
}

static void handle_reply(struct native_channel *channel, const struct native_line *line)
{
	struct pending *pending = g_queue_peek_head(channel->pending);
	g_autofree char *problem = NULL, *text = NULL;

	if (!pending || pending->number != line->number) {
		break_off(channel,
			  "ferry-vmm answers request %" G_GUINT64_FORMAT ", which waits for none",
			  line->number);
		return;
	}
	g_queue_pop_head(channel->pending);
	if (g_str_equal(line->word, "error")) {
		text = text_printable(value_of(line, "text"), -1);
		problem = g_strdup_printf("the request '%s' failed: %s", pending->request, text);
	}
	if (pending->reply)
		pending->reply(pending->data, problem ? NULL : line->values, problem);
	pending_free(pending);
}

static void handle_line(struct native_channel *channel, const char *text)
{
	g_autofree char *printable = text_printable(text, -1);
	struct native_line line;

	transcribe(channel, '<', printable);
	if (!native_line_read(&line, text)) {
		break_off(channel, "ferry-vmm says nonsense: %s", printable);
		return;
	}
	if (g_str_equal(line.word, "failed")) {
		g_autofree char *reason = text_printable(value_of(&line, "text"), -1);

		channel->listener->failed(channel->data, reason);
	} else if (!channel->greeted != g_str_equal(line.word, "hello")) {
		break_off(channel, "ferry-vmm does not begin with one hello: %s", printable);
	} else if (g_str_equal(line.word, "hello")) {
		handle_hello(channel, &line);
	} else if (g_str_equal(line.word, "event")) {
		channel->listener->event(channel->data, line.name);
	} else if (g_str_equal(line.word, "figures")) {
		channel->listener->figures(channel->data, line.values);
	} else {
		handle_reply(channel, &line);
	}
	native_line_clear(&line);
}

static void handle_lines(struct native_channel *channel)
{
	while (!channel->freed && !channel->broken) {
		char *end = strchr(channel->input->str, '\n');
		g_autofree char *line = NULL;

		if (!end)
			break;
		line = g_strndup(channel->input->str, end - channel->input->str);
		g_string_erase(channel->input, 0, end + 1 - channel->input->str);
		handle_line(channel, line);
	}
	if (!channel->freed && channel->input->len > LONGEST_LINE)
		break_off(channel,
			  "ferry-vmm says nonsense: %" G_GSIZE_FORMAT " bytes without a line end",
			  channel->input->len);
}

void native_channel_drain(struct native_channel *channel)
{
	char bytes[4096];
	ssize_t length;

	channel->busy++;
	while (!channel->freed && !channel->broken) {
		length = recv(channel->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0) {
			/*
			 * If the VMM has ended, its exit status says more. If it lives, the answers
			 * are still missing, and the deadline runs.
			 */
			if (!length || errno != EAGAIN)
				stop_reading(channel);
			break;
		}
		g_string_append_len(channel->input, bytes, length);
		handle_lines(channel);
		if (!channel->freed)
			restart_deadline(channel);
	}
	leave(channel);
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data)
{
	native_channel_drain(data);
	/* A source that was removed meanwhile is not called again, whatever is returned. */
	return G_SOURCE_CONTINUE;
}

/* ---- what is asked ---- */

/* Sends TEXT, with FILE unless that is negative. */
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

	if (file >= 0) {
		memcpy(CMSG_DATA(&control.head), &file, sizeof(file));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void native_channel_ask(struct native_channel *channel, const char *request, int file,
			native_reply_function reply, void *data)
{
	struct pending *pending = g_new0(struct pending, 1);
	g_autofree char *text = NULL, *line = NULL;

	pending->number = ++channel->asked;
	pending->request = g_strdup(request);
	pending->reply = reply;
	pending->data = data;
	g_queue_push_tail(channel->pending, pending);
	text = g_strdup_printf("%" G_GUINT64_FORMAT " %s", pending->number, request);
	transcribe(channel, '>', text);
	line = g_strconcat(text, "\n", NULL);
	if (send_with_file(channel->fd, line, file) < 0 && errno == EAGAIN)
		break_off(channel, "ferry-vmm does not read its requests");
	else if (!channel->deadline)
		restart_deadline(channel);
}

struct native_channel *native_channel_new(int fd, struct log_file *transcript, const char *label,
					  unsigned reply_seconds,
					  const struct native_channel_listener *listener,
					  void *data)
{
	struct native_channel *channel = g_new0(struct native_channel, 1);

	channel->fd = fd;
	channel->reply_seconds = reply_seconds;
	channel->listener = listener;
	channel->data = data;
	channel->transcript = transcript;
	channel->label = g_strdup(label);
	channel->input = g_string_new(NULL);
	channel->pending = g_queue_new();
	channel->readable = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP, on_readable, channel);
	restart_deadline(channel);
	return channel;
}

void native_channel_free(struct native_channel *channel)
{
	stop_reading(channel);
	stop_deadline(channel);
	close(channel->fd);
	channel->freed = TRUE;
	if (!channel->busy)
		release(channel);
}
