/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is kept of how a case went, for those who look at it later: console lines and messages
 * around what failed, and how the guest's clocks went. It is bounded, whatever a guest writes.
 *
 * All times are since the case began, by a clock of the machine that ran it.
 */
#ifndef FERRY_HOST_REPORT_STORY_H
#define FERRY_HOST_REPORT_STORY_H

#include <glib.h>

/* Bytes of a line that are kept. */
#define STORY_LONGEST_LINE 1000

/* A line of the console, or a message between the runner and the VMM. */
struct story_line {
	gint64 at_ns;
	unsigned number;   /* of the line in its log, from 1; 0: unknown */
	gboolean is_cause; /* something has failed at this line */
	char *text;	   /* printable */
};

/* What the guest read of a clock, against what the host's clock said (guest/clock-check.h). */
struct clock_point {
	gint64 at_ns;
	/*
	 * How much more time has passed for the guest than for the host since the first point;
	 * negative where it was less.
	 */
	gint64 least_ns; /* at least */
	gint64 most_ns;	 /* at most */
	gint64 held_ns;	 /* the host held the guest this long at most: so much may be missing */
};

struct story_clock {
	char *name;	/* "kvmclock on CPU 0" */
	GArray *points; /* of struct clock_point; of very many only each Nth, and the last */
	guint stride, skipped;
};

/* Of a timer no more is told. */
#define STORY_MOST_FIRINGS 24
#define STORY_MOST_DUE	   64

/* A timer of the guest fired. */
struct timer_firing {
	gint64 at_ns;
	/* By the guest's clock: after the nearest time when it was due; less than 0: before it. */
	gint64 off_ns;
};

/* A timer that the guest armed once, and what came of it (guest/timer-marks.h). */
struct story_timer {
	char *name; /* "the PIT on CPU 0" */
	gint64 armed_at_ns;
	gint64 armed_ns; /* for so long */
	gboolean is_periodic;
	gint64 until_ns; /* when it was stopped */
	GArray *due;	 /* of gint64: when it was due by the guest's clock; the last times */
	guint fired;	 /* so often */
	GArray *firings; /* of struct timer_firing: the last ones */
};

struct story {
	GPtrArray *console; /* of struct story_line; where numbers jump, lines were left out */
	GPtrArray *control; /* of struct story_line: messages of the VMM's control channel */
	GPtrArray *clocks;  /* of struct story_clock; a clock begins anew in each boot */
	GPtrArray *timers;  /* of struct story_timer: of very many the last ones */
};

/* A story that is empty. */
struct story *story_new(void);
/* STORY may be NULL. */
void story_free(struct story *story);

/* Adds a line to LINES, one of the arrays above. TEXT is taken over. */
struct story_line *story_add_line(GPtrArray *lines, gint64 at_ns, unsigned number, char *text);

/* A clock NAME without points; NULL if there are too many. It belongs to STORY. */
struct story_clock *story_add_clock(struct story *story, const char *name);
/* A timer NAME that has not fired and is not due. It belongs to STORY. */
struct story_timer *story_add_timer(struct story *story, const char *name);
void story_add_point(struct story_clock *clock, const struct clock_point *point);

#endif
