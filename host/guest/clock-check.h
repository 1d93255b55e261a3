/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's check of guest clocks: between two `mark name=clock` lines of a clock, as much time
 * must have passed by that clock as by the host's (docs/protocol.md, "Clock marks").
 */
#ifndef FERRY_HOST_CLOCK_CHECK_H
#define FERRY_HOST_CLOCK_CHECK_H

#include "guest/console.h"
#include "report/story.h"

struct clock_check;

/*
 * STORY gets what is found, with times since BEGAN (CLOCK_MONOTONIC, ns); it may be NULL, or must
 * outlive the check.
 */
struct clock_check *clock_check_new(struct story *story, gint64 began);

/* The runner has answered time question SEQUENCE with these figures, in ns. */
void clock_check_answered(struct clock_check *check, guint64 sequence, gint64 monotonic,
			  gint64 pause_min, gint64 pause_max);

/* When that was, CLOCK_MONOTONIC, ns; -1 if there was no such answer. */
gint64 clock_check_answered_at(const struct clock_check *check, guint64 sequence);

/*
 * A mark has come. Returns what is wrong in one line that the caller frees, or NULL.
 * Lines that are not clock marks are ignored.
 */
char *clock_check_mark(struct clock_check *check, const struct machine_line *line);

void clock_check_free(struct clock_check *check);

#endif
