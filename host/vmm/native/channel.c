// SPDX-License-Identifier: GPL-2.0-or-later
/* See channel.h. */
#include <string.h>

#include "util/text.h"
#include "vmm/line-channel.h"
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
	struct line_channel *lines;
	gboolean greeted;
	GQueue *pending; /* of struct pending, in the order of sending */
	guint64 asked;
	const struct native_channel_listener *listener;
	void *data;
};

static void pending_free(struct pending *pending)
{
	g_free(pending->request);
	g_free(pending);
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
		line_channel_break(
			channel->lines,
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
		line_channel_break(channel->lines,
				   "ferry-vmm answers request %" G_GUINT64_FORMAT
				   ", which waits for no answer",
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

static void on_line(void *data, const char *text, gsize length)
{
	struct native_channel *channel = data;
	g_autofree char *printable = text_printable(text, -1);
	struct native_line line;

	if (!native_line_read(&line, text)) {
		line_channel_break(channel->lines, "ferry-vmm says nonsense: %s", printable);
		return;
	}
	if (g_str_equal(line.word, "failed")) {
		g_autofree char *reason = text_printable(value_of(&line, "text"), -1);

		channel->listener->failed(channel->data, reason);
	} else if (!channel->greeted != g_str_equal(line.word, "hello")) {
		line_channel_break(channel->lines, "ferry-vmm does not begin with one hello: %s",
				   printable);
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

/* ---- the channel ---- */

static char *owed(void *data)
{
	struct native_channel *channel = data;
	const struct pending *pending = g_queue_peek_head(channel->pending);

	if (!channel->greeted)
		return g_strdup("ferry-vmm did not say hello");
	return pending ? g_strdup_printf("ferry-vmm did not answer the request '%s'",
					 pending->request)
		       : NULL;
}

static void on_broken(void *data, const char *problem)
{
	struct native_channel *channel = data;

	channel->listener->broken(channel->data, problem);
}

static void on_released(void *data)
{
	struct native_channel *channel = data;

	g_queue_free_full(channel->pending, (GDestroyNotify)pending_free);
	g_free(channel);
}

static const struct line_channel_user user = {
	.line = on_line,
	.owed = owed,
	.broken = on_broken,
	.released = on_released,
	.says_nonsense = "ferry-vmm says nonsense",
	.does_not_read = "ferry-vmm does not read its requests",
	.longest_line = LONGEST_LINE,
};

struct native_channel *native_channel_new(int fd, struct log_file *transcript, const char *label,
					  unsigned reply_seconds,
					  const struct native_channel_listener *listener,
					  void *data)
{
	struct native_channel *channel = g_new0(struct native_channel, 1);

	channel->listener = listener;
	channel->data = data;
	channel->pending = g_queue_new();
	channel->lines = line_channel_new(fd, transcript, label, reply_seconds, &user, channel);
	return channel;
}

void native_channel_ask(struct native_channel *channel, const char *request, int file,
			native_reply_function reply, void *data)
{
	struct pending *pending = g_new0(struct pending, 1);
	g_autofree char *line = NULL;

	pending->number = ++channel->asked;
	pending->request = g_strdup(request);
	pending->reply = reply;
	pending->data = data;
	g_queue_push_tail(channel->pending, pending);
	line = g_strdup_printf("%" G_GUINT64_FORMAT " %s", pending->number, request);
	line_channel_send(channel->lines, line, file);
}

void native_channel_drain(struct native_channel *channel)
{
	line_channel_drain(channel->lines);
}

void native_channel_free(struct native_channel *channel)
{
	line_channel_free(channel->lines);
}
