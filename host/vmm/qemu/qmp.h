/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of QEMU's Machine Protocol over a socket that QEMU already has open (QEMU's
 * docs/interop/qmp-spec). Commands are sent without waiting. QEMU answers in order, except for
 * qmp_execute_at_once(). Every line in both directions goes into a transcript.
 */
#ifndef FERRY_HOST_QMP_H
#define FERRY_HOST_QMP_H

#include <glib.h>
#include <json-glib/json-glib.h>

#include "util/json-member.h"
#include "util/log-file.h"

struct qmp;

/*
 * The answer to one command. VALUE is what `return` held, or NULL if the command failed; then
 * PROBLEM says why in one line. Both are valid only during the call.
 */
typedef void (*qmp_reply_function)(void *data, JsonNode *value, const char *problem);

struct qmp_listener {
	/* The greeting has come; VERSION is "7.2.22". MAJOR and MINOR are its first numbers. */
	void (*greeted)(void *data, const char *version, int major, int minor);
	/* An event, at MICROSECONDS of CLOCK_REALTIME as QEMU stamped it. DETAILS may be NULL. */
	void (*event)(void *data, const char *name, JsonObject *details, gint64 microseconds);
	/*
	 * QEMU has sent nonsense, or no answer in time, and nothing sensible can be expected any
	 * more. PROBLEM says why. Called at most once, and never for a plain end of the stream.
	 */
	void (*broken)(void *data, const char *problem);
};

/*
 * Takes over the socket FD. Each answer, and the greeting, must come within
 * REPLY_SECONDS. Lines of the transcript begin with LABEL; TRANSCRIPT must outlive
 * the client.
 */
struct qmp *qmp_new(int fd, struct log_file *transcript, const char *label, unsigned reply_seconds,
		    const struct qmp_listener *listener, void *data);

/*
 * Sends COMMAND with ARGUMENTS (owned by the call; may be NULL). REPLY may be NULL
 * when nobody cares. A client that is freed, or whose stream has ended, drops its
 * replies.
 */
void qmp_execute(struct qmp *qmp, const char *command, JsonObject *arguments,
		 qmp_reply_function reply, void *data);

/* qmp_execute() with an open FILE of ours that is sent along (SCM_RIGHTS), for `getfd`. */
void qmp_execute_with_file(struct qmp *qmp, const char *command, JsonObject *arguments, int file,
			   qmp_reply_function reply, void *data);

/*
 * qmp_execute() out of band ("exec-oob", QEMU's docs/interop/qmp-spec, 2.3.1): QEMU carries the
 * command out even while it is busy with something else, and the answer may overtake others.
 * `qmp_capabilities` must have enabled "oob".
 */
void qmp_execute_at_once(struct qmp *qmp, const char *command, JsonObject *arguments,
			 qmp_reply_function reply, void *data);

/* Reads and handles what has come, without waiting. */
void qmp_drain(struct qmp *qmp);

void qmp_free(struct qmp *qmp);

#endif
