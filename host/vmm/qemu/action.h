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

/* An action that takes longer than this many reply deadlines has got stuck. */
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
	struct qemu *from, *to; /* `to` is NULL if the guest stays in its QEMU */
	action_done_function done;
	void *data;
	gint64 started;	    /* CLOCK_REALTIME, us */
	guint deadline;	    /* a timer, or 0 */
	gboolean finishing; /* the last question is on its way: nothing else matters any more */
	void (*settled)(struct qemu_action *action);
};

/* Returns the kind's own struct, with zeroes after the head. It is freed when the action ends. */
void *qemu_action_begin(const struct qemu_action_kind *kind, struct qemu *from, struct qemu *to,
			action_done_function done, void *data);
void qemu_action_set_deadline(struct qemu_action *action, unsigned seconds);

/*
 * The action of KIND that QEMU is part of, or NULL. The data of a reply is the QEMU and not the
 * action, which may be over when the reply comes. This tells whether it is.
 */
void *qemu_action_of(const struct qemu *qemu, const struct qemu_action_kind *kind);

/* Both call `done` and free the action. */
void qemu_action_finish(struct qemu_action *action, const struct action_stats *stats,
			const char *problem);
void qemu_action_fail(struct qemu_action *action, const char *format, ...) G_GNUC_PRINTF(2, 3);

/*
 * Calls SETTLED when the source has cleaned up after a migration whose end it has told. Until then
 * another migration must not begin, since threads of the first one are still at work.
 */
void qemu_action_settle(struct qemu_action *action, void (*settled)(struct qemu_action *action));

/* Handles the reply to a command. If the command has failed, so has the action. */
void qemu_action_on_reply(void *data, JsonNode *value, const char *problem);

/*
 * With OPTION_PEEK: QEMU reads the registers of all vCPUs, which are stopped. It then takes its
 * copy for newer than KVM's, and writes it back when the guest goes on.
 */
void qemu_peek(struct qemu *qemu);

/*
 * The figures in a reply to query-migrate; they belong to VALUE. If there are none, returns NULL
 * and fails ACTION, unless that is NULL.
 */
JsonObject *qemu_action_figures(struct qemu_action *action, JsonNode *value, const char *problem);
/* Why a migration has failed, by the reply to query-migrate. The caller frees it. */
char *qemu_action_failure(JsonNode *value, const char *problem);
/*
 * Sets in STATS what FIGURES tell of pages. FALSE if FIGURES are nonsense; STATS are then
 * unchanged.
 */
gboolean qemu_action_read_pages(JsonObject *figures, struct action_stats *stats);

/* Sets in STATS when the action began, and how long it has taken until now. */
void qemu_action_take_time(const struct qemu_action *action, struct action_stats *stats);

/*
 * ram.c: writes the guest's memory to the file PATH, or gives the images up if that fails. Then
 * calls WRITTEN, if QEMU is still part of an action. The string PATH must live until then.
 */
void qemu_write_ram(struct qemu *qemu, const char *path, void (*written)(struct qemu *qemu));

/* Is STATUS what QEMU's last MIGRATION event told? */
static inline gboolean has_status(const struct qemu *qemu, const char *status)
{
	return !g_strcmp0(qemu->migration_status, status);
}

#endif
