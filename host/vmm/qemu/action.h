/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files that do something to a running QEMU share. */
#ifndef FERRY_HOST_QEMU_ACTION_H
#define FERRY_HOST_QEMU_ACTION_H

#include "vmm/qemu/qemu.h"

#define NS_PER_US 1000

/* "No limit" in migrate-set-parameters: more than any memory copies. */
#define UNLIMITED_BANDWIDTH (1ull << 40)

/* What takes longer than so many times the reply deadline has got stuck. */
#define ACTION_DEADLINE_FACTOR 4

struct qemu_action {
	struct qemu *from, *to; /* `to` is NULL for a pause and a reset */
	action_done_function done;
	void *data;
	/* An event came, or one of the two has ended. May be NULL. */
	void (*progress)(struct qemu_action *action);
	gint64 started; /* CLOCK_REALTIME, us */
	int how;	/* a move is broken off; only of qemu-break.c */
	guint after_ms, moment;
	gboolean in_flight, broken;
	struct action_stats flight; /* as it was then */
	gboolean saving;	    /* or restoring; only of qemu-save.c */
	gboolean running;	    /* what is saved */
	const char *path;	    /* what messages call the file */
	gboolean kill_source, source_killed;
	gboolean asked_figures; /* of a source that is to be killed */
	guint hold; /* the timer of one that is held in flight, or 0; only of qemu-option.c */
	gboolean slowed;
	guint64 held_bandwidth;
	unsigned seen; /* of enum vm_option: at work */
	gboolean postcopy;
	gboolean switch_ordered;
	gint64 switched; /* to post-copy, CLOCK_REALTIME us; 0 if it was not */
	gboolean asked_arrival;
	gint64 runs_there; /* at this time at the latest; 0 if nobody knows */
	/* A post-copy move that is cut and mended; only of qemu-recover.c. */
	enum { CUT_NONE, CUT_PLANNED, CUT_ORDERED, CUT_MADE, CUT_MENDING } cut;
	unsigned cuts_wanted, cuts_made;
	guint cut_after_ms;
	gboolean cut_in_flight; /* memory was left at the last */
	guint64 bytes_left;
	gboolean keeping, continued; /* images of memory; the guest goes on after that */
	void (*settled)(struct qemu_action *action);
	guint pause_ms;
	guint timer;		   /* of the pause, or the deadline of the move or reset */
	gboolean reset;		   /* it is one, and the machine was reset */
	gboolean reboot_forbidden; /* again, after the order to reset */
	unsigned questions;	   /* how often the figures were not final */
	gboolean asked_source;	   /* whether it lives, since the destination does not */
	gboolean finishing;	   /* the last question is on its way */
};

/*
 * Replies carry the QEMU and not the move, which may be over when they come: a
 * reply of a QEMU that lives finds its move, if there still is one, by it.
 */
struct qemu_action *qemu_action_begin(struct qemu *from, struct qemu *to, action_done_function done,
				      void *data);
/* Both tell `done` and free the move. */
void qemu_action_finish(struct qemu_action *action, const struct action_stats *stats,
			const char *problem);
void qemu_action_fail(struct qemu_action *action, const char *format, ...) G_GNUC_PRINTF(2, 3);
/*
 * Calls SETTLED when the source has cleaned up after a migration that it has told the end
 * of: another one that begins before gets into a muddle with its threads.
 */
void qemu_action_settle(struct qemu_action *action, void (*settled)(struct qemu_action *action));

/*
 * Writes the guest's memory to the file PATH, which outlives that, or gives the images up;
 * then calls WRITTEN, if there still is a move.
 */
void qemu_write_ram(struct qemu *qemu, const char *path, void (*written)(struct qemu *qemu));

/* The reply to a command that only matters if it failed: so has the move, unless it is ending. */
void qemu_action_on_reply(void *data, JsonNode *value, const char *problem);

/*
 * The figures in a reply to query-migrate, which are VALUE's; or NULL, and MOVE has failed, if
 * there still is one.
 */
JsonObject *qemu_action_figures(struct qemu_action *action, JsonNode *value, const char *problem);
/* What FIGURES tell of pages; FALSE, and STATS as they were, if it is nonsense. */
gboolean qemu_action_read_pages(JsonObject *figures, struct action_stats *stats);

/* When the move began, and how long it has taken until now. */
void qemu_action_take_time(const struct qemu_action *action, struct action_stats *stats);

/* Is this what QEMU's last MIGRATION event has told? */
static inline gboolean has_status(const struct qemu *qemu, const char *status)
{
	return !g_strcmp0(qemu->migration_status, status);
}

#endif
