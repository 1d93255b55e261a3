/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How one action went: what a VMM measures and a result tells. */
#ifndef FERRY_HOST_REPORT_ACTION_STATS_H
#define FERRY_HOST_REPORT_ACTION_STATS_H

#include <glib.h>

/* The result tells when each of the first passes over memory began, up to this many. */
#define MOST_PASSES_TOLD 16

/* All times are in ns, by clocks of the host. What does not apply to an action is 0. */
struct action_stats {
	/*
	 * The plan whose action it was, where a plan mixes those of others, "precopy"; else NULL.
	 * The string lives as long as the runner.
	 */
	const char *plan;
	const char *action;  /* what it was, as a noun: "migration"; interned, or NULL: unknown */
	gint64 started;	     /* CLOCK_REALTIME */
	gint64 at_ns;	     /* since the case began; -1: unknown */
	gint64 total_ns;     /* from the order to the end */
	gint64 pause_min_ns; /* the guest stood still for at least this long ... */
	gint64 pause_max_ns; /* ... and at most this long */
	gboolean clocks_run; /* its clocks went on meanwhile */
	guint64 bytes;	     /* sent */
	guint64 passes;	     /* over memory */
	gint64 stopped;	     /* CLOCK_REALTIME, when the guest stood still first; 0: unknown */
	/* CLOCK_REALTIME, when the passes over memory began; 0: no such pass, or unknown */
	gint64 pass_began[MOST_PASSES_TOLD];
	guint64 pages_sent;   /* zero pages included */
	guint64 pages_in_ram; /* pages that there are to send */
	/* Memory that was still to send when the guest left, or when the migration was broken off.
	 */
	guint64 bytes_left;
	/*
	 * A post-copy migration: the guest left, and memory followed. A background snapshot: the
	 * guest ran before all of it was saved. FALSE if it became an ordinary one.
	 */
	gboolean early;
	guint64 pages_awaited; /* that the guest needed at the destination before they came */
	unsigned cuts;	       /* of the stream while memory was left; each was recovered from */
	unsigned unused; /* of enum vm_option: options that did nothing, as its figures show */
	/* CLOCK_REALTIME: when a saved guest stood still, and when a restored one went on. */
	gint64 saved_at, restored_at;
};

#endif
