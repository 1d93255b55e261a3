/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The common part of the VMMs' control channels: lines over a Unix stream socket in both
 * directions, a transcript of all lines, and a deadline for what the VMM owes. The user of a
 * channel knows what the lines mean (qemu/qmp.c, native/channel.c).
 */
#ifndef FERRY_HOST_LINE_CHANNEL_H
#define FERRY_HOST_LINE_CHANNEL_H

#include <glib.h>

#include "util/log-file.h"

#define LINE_CHANNEL_NO_FILE (-1)

struct line_channel;

struct line_channel_user {
	/* A line has come. LINE has no newline, but may end with a '\r'. */
	void (*line)(void *data, const char *line, gsize length);
	/* What the VMM owes, as a clause: "no QMP greeting". The caller frees it. NULL: nothing. */
	char *(*owed)(void *data);
	/*
	 * Nothing sensible can be expected any more. PROBLEM is one line. Called at most once, and
	 * never for a plain end of the stream.
	 */
	void (*broken)(void *data, const char *problem);
	/* The channel is gone, and with it the last use of DATA. */
	void (*released)(void *data);
	/* For messages. */
	const char *says_nonsense; /* "QMP answered with nonsense" */
	const char *does_not_read; /* "QEMU does not read its QMP commands" */
	gsize longest_line;	   /* more bytes without a line end are nonsense */
};

/*
 * Takes over the socket FD. What the VMM owes must come within REPLY_SECONDS of the last time that
 * it sent anything. Lines of the transcript begin with LABEL; TRANSCRIPT must outlive the channel.
 */
struct line_channel *line_channel_new(int fd, struct log_file *transcript, const char *label,
				      unsigned reply_seconds, const struct line_channel_user *user,
				      void *data);
/* Sends LINE and a newline, and with them FILE unless that is LINE_CHANNEL_NO_FILE. */
void line_channel_send(struct line_channel *channel, const char *line, int file);
/* Calls `broken`, and reads no more. Does nothing the second time. */
void line_channel_break(struct line_channel *channel, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Reads and handles what has come, without waiting. */
void line_channel_drain(struct line_channel *channel);
/*
 * If one of the user's functions calls this, `released` is called after that function has returned.
 */
void line_channel_free(struct line_channel *channel);

#endif
