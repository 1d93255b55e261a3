/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all actions on a running QEMU share: pause.c, reset.c, migrate.c, broken-migration.c and
 * save.c. Each kind of action has its own struct, which begins with struct qemu_action.
 */
#ifndef FERRY_HOST_QEMU_ACTION_H
#define FERRY_HOST_QEMU_ACTION_H

#include "vmm/qemu/qemu.h"

#define NS_PER_US 1000

/* "No limit" in migrate-set-parameters: more than any memory copies. */
#define UNLIMITED_BANDWIDTH (1ull << 40)

/* An action that takes longer than so many times the reply deadline has got stuck. */
#define ACTION_DEADLINE_FACTOR 4

struct qemu_action_kind {
	gsize size; /* of the kind's own struct */
	/* An event came, or a QEMU has ended. NULL: the kind waits for replies only. */
	void (*progress)(struct qemu_action *action);
	/* The deadline has passed: calls qemu_action_fail(). NULL for a kind without a deadline. */
	void (*too_late)(struct qemu_action *action);
	/* Removes the kind's own timers. May be NULL. */
	void (*release)(struct qemu_action *action);
};

struct qemu_action {
	const struct qemu_action_kind *kind;
	struct qemu *from, *to; /* `to` is NULL unless the guest is to go to another QEMU */
	action_done_function done;
	void *data;
	gint64 started;	    /* CLOCK_REALTIME, us */
	guint deadline;	    /* a timer, or 0 */
	gboolean finishing; /* the last question is on its way: nothing else matters any more */
	void (*settled)(struct qemu_action *action);
};

/*
 * Returns the kind's own struct, all zeroes behind the head. It belongs to the action, which
 * frees it when it ends.
 */
void *qemu_action_begin(const struct qemu_action_kind *kind, struct qemu *from, struct qemu *to,
			action_done_function done, void *data);
void qemu_action_set_deadline(struct qemu_action *action, unsigned seconds);

/*
 * The action of KIND that QEMU is part of, or NULL. Replies carry the QEMU and not the action,
 * which may be over when they come; so they find out whether there still is one.
 */
void *qemu_action_of(const struct qemu *qemu, const struct qemu_action_kind *kind);

/* Both tell `done` and free the action. */
void qemu_action_finish(struct qemu_action *action, const struct action_stats *stats,
			const char *problem);
void qemu_action_fail(struct qemu_action *action, const char *format, ...) G_GNUC_PRINTF(2, 3);

/*
 * Calls SETTLED when the source has cleaned up after a migration that it has told the end of:
 * its threads do not stand another migration that begins before.
 */
void qemu_action_settle(struct qemu_action *action, void (*settled)(struct qemu_action *action));

/* The reply to a command that only matters if it failed: then the action has failed, too. */
void qemu_action_on_reply(void *data, JsonNode *value, const char *problem);

/*
 * The figures in a reply to query-migrate, which are VALUE's. NULL if there are none; then
 * ACTION, unless it is NULL, has failed.
 */
JsonObject *qemu_action_figures(struct qemu_action *action, JsonNode *value, const char *problem);
/* What FIGURES tell of pages. FALSE, and STATS as they were, if FIGURES are nonsense. */
gboolean qemu_action_read_pages(JsonObject *figures, struct action_stats *stats);

/* When the action began, and how long it has taken until now. */
void qemu_action_take_time(const struct qemu_action *action, struct action_stats *stats);

/*
 * ram.c: writes the guest's memory to the file PATH, which outlives that, or gives the images
 * up; then calls WRITTEN, if QEMU still is part of an action.
 */
void qemu_write_ram(struct qemu *qemu, const char *path, void (*written)(struct qemu *qemu));

/* Is this what QEMU's last MIGRATION event has told? */
static inline gboolean has_status(const struct qemu *qemu, const char *status)
{
	return !g_strcmp0(qemu->migration_status, status);
}

#endif
