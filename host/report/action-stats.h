/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How one action went: what a VMM measures and a result tells. */
#ifndef FERRY_HOST_REPORT_ACTION_STATS_H
#define FERRY_HOST_REPORT_ACTION_STATS_H

#include <glib.h>

/* How one move, one pause, or one reset went. Times are of the host's clocks. */
struct action_stats {
	gint64 started;	      /* CLOCK_REALTIME, ns */
	gint64 total_ns;      /* from the order to the end */
	gint64 pause_min_ns;  /* the guest stood still for at least this long ... */
	gint64 pause_max_ns;  /* ... and at most this long */
	guint64 bytes;	      /* sent */
	guint64 passes;	      /* over memory */
	guint64 pages_sent;   /* zero pages included */
	guint64 pages_in_ram; /* pages that there are to send */
	/* Of memory that was not yet sent when the guest went early, or the move broke off. */
	guint64 bytes_left;
	/*
	 * The guest went first, and memory followed; of a running guest that was saved: it
	 * ran before all of it was. FALSE if it became an ordinary move, or snapshot.
	 */
	gboolean early;
	guint64 pages_awaited; /* by the guest, on the other side */
	unsigned cuts;	       /* of the stream while memory was left, and each was mended */
	unsigned unused;       /* of enum vm_option: its figures show that these did nothing */
	/* CLOCK_REALTIME, ns: a saved guest stood still then, and a restored one went on. */
	gint64 saved_at, restored_at;
};

#endif
