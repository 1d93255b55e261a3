// SPDX-License-Identifier: GPL-2.0-or-later
/* See line-channel.h. */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/line-channel.h"

struct line_channel {
	int fd;
	guint readable, deadline;
	unsigned reply_seconds;
	gboolean broken;
	gboolean freed; /* by one of the user's functions */
	unsigned busy;	/* depth of functions that must not find it freed */
	GByteArray *input;
	struct log_file *transcript;
	char *label;
	const struct line_channel_user *user;
	void *data;
};

static void transcribe(struct line_channel *channel, char direction, const char *line, gsize length)
{
	gint64 now = g_get_real_time();
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT ".%06d %s%c %.*s\n",
						now / G_USEC_PER_SEC, (int)(now % G_USEC_PER_SEC),
						channel->label, direction, (int)length, line);

	log_file_write(channel->transcript, text, strlen(text));
}

/* ---- begin and end ---- */

static void release(struct line_channel *channel)
{
	channel->user->released(channel->data);
	g_byte_array_unref(channel->input);
	g_free(channel->label);
	g_free(channel);
}

static void leave(struct line_channel *channel)
{
	if (!--channel->busy && channel->freed)
		release(channel);
}

static void stop_reading(struct line_channel *channel)
{
	if (channel->readable)
		g_source_remove(channel->readable);
	channel->readable = 0;
}

static void stop_deadline(struct line_channel *channel)
{
	if (channel->deadline)
		g_source_remove(channel->deadline);
	channel->deadline = 0;
}

void line_channel_free(struct line_channel *channel)
{
	stop_reading(channel);
	stop_deadline(channel);
	close(channel->fd);
	channel->freed = TRUE;
	if (!channel->busy)
		release(channel);
}

void line_channel_break(struct line_channel *channel, const char *format, ...)
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
	channel->user->broken(channel->data, problem);
}

/* ---- the deadline ---- */

static gboolean too_late(gpointer data)
{
	struct line_channel *channel = data;
	g_autofree char *owed = channel->user->owed(channel->data);

	channel->deadline = 0;
	channel->busy++;
	line_channel_break(channel, "%s within %u s", owed, channel->reply_seconds);
	leave(channel);
	return G_SOURCE_REMOVE;
}

static void restart_deadline(struct line_channel *channel)
{
	g_autofree char *owed = channel->user->owed(channel->data);

	stop_deadline(channel);
	if (owed && !channel->broken)
		channel->deadline =
			g_timeout_add_seconds(channel->reply_seconds, too_late, channel);
}

/* ---- what comes ---- */

static void handle_lines(struct line_channel *channel)
{
	while (!channel->freed && !channel->broken) {
		char *end = memchr(channel->input->data, '\n', channel->input->len);
		g_autofree char *line = NULL;
		gsize length;

		if (!end)
			break;
		length = end - (char *)channel->input->data;
		line = g_strndup((char *)channel->input->data, length);
		g_byte_array_remove_range(channel->input, 0, length + 1);
		transcribe(channel, '<', line, length);
		channel->user->line(channel->data, line, length);
	}
	if (!channel->freed && channel->input->len > channel->user->longest_line)
		line_channel_break(channel, "%s: %u bytes without a line end",
				   channel->user->says_nonsense, channel->input->len);
}

void line_channel_drain(struct line_channel *channel)
{
	guint8 bytes[16384];
	ssize_t length;

	channel->busy++;
	while (!channel->freed && !channel->broken) {
		length = recv(channel->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0) {
			/*
			 * If the VMM has ended, its exit status says more. If it lives, it still
			 * owes something, and the deadline runs.
			 */
			if (!length || errno != EAGAIN)
				stop_reading(channel);
			break;
		}
		g_byte_array_append(channel->input, bytes, length);
		handle_lines(channel);
		if (!channel->freed)
			restart_deadline(channel);
	}
	leave(channel);
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data)
{
	line_channel_drain(data);
	/* A source that was removed meanwhile is not called again, whatever is returned. */
	return G_SOURCE_CONTINUE;
}

/* ---- what is sent ---- */

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

	if (file != LINE_CHANNEL_NO_FILE) {
		memcpy(CMSG_DATA(&control.head), &file, sizeof(file));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void line_channel_send(struct line_channel *channel, const char *line, int file)
{
	g_autofree char *whole = g_strconcat(line, "\n", NULL);

	transcribe(channel, '>', line, strlen(line));
	if (send_with_file(channel->fd, whole, file) < 0 && errno == EAGAIN)
		line_channel_break(channel, "%s", channel->user->does_not_read);
	else if (!channel->deadline)
		restart_deadline(channel);
}

struct line_channel *line_channel_new(int fd, struct log_file *transcript, const char *label,
				      unsigned reply_seconds, const struct line_channel_user *user,
				      void *data)
{
	struct line_channel *channel = g_new0(struct line_channel, 1);

	channel->fd = fd;
	channel->reply_seconds = reply_seconds;
	channel->user = user;
	channel->data = data;
	channel->transcript = transcript;
	channel->label = g_strdup(label);
	channel->input = g_byte_array_new();
	channel->readable = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP, on_readable, channel);
	restart_deadline(channel);
	return channel;
}
