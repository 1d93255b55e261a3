/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps what people want to see of a case when something in it has failed: the console lines before
 * and after each failure, each with its time, and the last lines of all. The whole console is in
 * the case's log, without times.
 */
#ifndef FERRY_HOST_RECORDER_H
#define FERRY_HOST_RECORDER_H

#include "report/story.h"

struct recorder;

struct recorder *recorder_new(void);
/* RECORDER may be NULL. */
void recorder_free(struct recorder *recorder);

/* The guest has written line NUMBER, of LENGTH bytes that may be anything. */
void recorder_line(struct recorder *recorder, const char *bytes, gsize length, unsigned number);
/* Something has failed, at the last line or soon after it. */
void recorder_failure(struct recorder *recorder);
/* What is kept so far. It belongs to RECORDER until recorder_end(). */
struct story *recorder_story(const struct recorder *recorder);
/* CLOCK_MONOTONIC, ns, when the case began. */
gint64 recorder_began(const struct recorder *recorder);
/* ns since the case began. */
gint64 recorder_now(const struct recorder *recorder);

/*
 * The case is over. If RED, also keeps the last lines, and the lines of the log TRANSCRIPT (which
 * may be missing) around the first failure. Returns the story, which the caller frees; NULL if
 * there is nothing in it.
 */
struct story *recorder_end(struct recorder *recorder, gboolean red, const char *transcript);

#endif
