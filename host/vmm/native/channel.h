/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The runner's end of the control protocol (docs/native-vmm.md). Requests are sent without waiting,
 * and answered in order. Every line in both directions goes into a transcript.
 */
#ifndef FERRY_HOST_NATIVE_CHANNEL_H
#define FERRY_HOST_NATIVE_CHANNEL_H

#include <glib.h>

#include "util/log-file.h"

struct native_channel;

/* A line, taken apart: "ok 3 cycles=4" has the word "ok", the number 3 and one value. */
struct native_line {
	char *word;
	guint64 number;	    /* of `ok` and `error`; else 0 */
	char *name;	    /* of `event`; else NULL */
	GHashTable *values; /* key -> value, both strings */
};

/* FALSE if TEXT is no line of the protocol; LINE is then empty. */
gboolean native_line_read(struct native_line *line, const char *text);
void native_line_clear(struct native_line *line);
/* The value of KEY as a whole number, or 0. */
guint64 native_line_number(GHashTable *values, const char *key);

/*
 * The answer to a request. VALUES are its words, or NULL if the request failed; then PROBLEM says
 * why in one line. Both are valid only during the call.
 */
typedef void (*native_reply_function)(void *data, GHashTable *values, const char *problem);

struct native_channel_listener {
	void (*hello)(void *data, const char *version, gboolean clocks_stop);
	/* "reset", "ready" */
	void (*event)(void *data, const char *name);
	/* The VMM cannot go on and ends; TEXT is printable. */
	void (*failed)(void *data, const char *text);
	void (*figures)(void *data, GHashTable *values);
	/*
	 * It has said nonsense, or nothing in time. PROBLEM is one line. Called at most once, and
	 * never for a plain end of the stream.
	 */
	void (*broken)(void *data, const char *problem);
};

/*
 * Takes over the socket FD. Each answer, and `hello`, must come within REPLY_SECONDS. Lines of the
 * transcript begin with LABEL; TRANSCRIPT must outlive the channel.
 */
struct native_channel *native_channel_new(int fd, struct log_file *transcript, const char *label,
					  unsigned reply_seconds,
					  const struct native_channel_listener *listener,
					  void *data);
/*
 * Sends the REQUEST, "pause us=1000", and with it FILE unless that is negative. REPLY may be NULL.
 * A channel that is freed, or whose stream has ended, drops its replies.
 */
void native_channel_ask(struct native_channel *channel, const char *request, int file,
			native_reply_function reply, void *data);
/* Reads and handles what has come, without waiting. */
void native_channel_drain(struct native_channel *channel);
/* May be called by one of the channel's own functions. */
void native_channel_free(struct native_channel *channel);

#endif
