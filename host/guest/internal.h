/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files that make up a guest share: guest.c (its life and the VMs that carry it),
 * answers.c (its questions), action.c (what all actions have in common), and one file for each
 * kind of action.
 */
#ifndef FERRY_HOST_GUEST_INTERNAL_H
#define FERRY_HOST_GUEST_INTERNAL_H

#include <time.h>

#include "guest/guest.h"

struct guest_action;

static inline gint64 clock_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * G_GINT64_CONSTANT(1000000000) + now.tv_nsec;
}

/* suspend.c: what a guest's suspend mark has announced. */
struct suspend {
	gboolean expected; /* until the guest says that it is awake */
	gboolean asleep;
	gboolean answer_due; /* to the request that came with the mark */
	gboolean woken;	     /* by the VMM, because nothing else had done so */
	guint wake_ms;	     /* how long after the action the VMM wakes the guest */
	guint timer;	     /* until then, or 0 */
	gint64 acted; /* CLOCK_MONOTONIC in ns: when the action was over and the guest slept */
};

struct guest {
	const struct vmm *vmm;
	struct guest_config config;
	const struct guest_listener *listener;
	void *data;

	struct vm *vm;		/* carries the guest; NULL when it has ended */
	struct vm *destination; /* started for the next migration, or to restore the guest */
	gboolean destination_ready;
	gboolean vmm_started; /* a VMM of this guest has told its version */
	GPtrArray *retired;   /* VMs that the guest has left, until they end */
	struct vm_exit exit;
	gboolean ended, failed;
	unsigned vms;	   /* started so far */
	gboolean in_other; /* the guest is carried by the other of two binaries */

	struct console *console;
	struct log_file *console_log, *transcript;
	char *console_path, *stderr_path, *command_path, *socket_dir, *socket_path;

	/* answers.c */
	unsigned unread_answers; /* answers that the guest has not acknowledged with `got` */
	GQueue *questions;	 /* questions that wait for the end of an action */

	/* action.c. The number of actions and their pauses are counted anew in each boot. */
	struct guest_action *action; /* the action that was ordered, or NULL */
	guint64 actions;	     /* actions that have succeeded, not counting resets */
	guint64 restores;	     /* how often the guest has gone on in another VM */
	gint64 pause_min_ns, pause_max_ns;
	gint64 began;	/* CLOCK_MONOTONIC, when the guest was started */
	unsigned boots; /* boots that have said hello */
	/* Monotonic, us: since when UEFI firmware runs, or 0; and how long it ran before that. */
	gint64 firmware_since, firmware_us;

	struct suspend suspend;

	/* snapshot.c: the guest that was saved while it ran, and goes on in its own VM. */
	struct guest *snapshot_source;
	unsigned snapshot_sources; /* so far */
};

/* Tells the listener that the guest cannot go on. Only the first call counts. */
void guest_fail(struct guest *guest, enum failure_kind kind, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

/* The machine is reset, or starts: before the next boot says hello, firmware may write anything. */
void guest_expect_boot(struct guest *guest);

/* ---- guest.c: VMs ---- */

extern const struct console_listener guest_console_listener;

/*
 * INCOMING is a socket's path or NULL, RESTORE an open file or 0. At most one of them is set.
 * POSTCOPY: the guest comes by a post-copy migration.
 */
struct vm *guest_start_vm(struct guest *guest, const char *incoming, int restore, gboolean postcopy,
			  GError **error);
/* The destination carries the guest from now on. */
void guest_adopt(struct guest *guest);
/* The VM that has carried the guest ends. */
void guest_retire_vm(struct guest *guest);
/* Removes the socket of the last migration. */
void guest_drop_socket(struct guest *guest);

/* ---- answers.c ---- */

void guest_on_question(struct guest *guest, const struct machine_line *line);
void guest_answer_waiting_questions(struct guest *guest);
/* Forgets all questions, since the guest boots again. */
void guest_forget_questions(struct guest *guest);
/* SOURCE gets a copy of the questions that GUEST has asked. */
void guest_copy_questions(struct guest *source, const struct guest *guest);
void guest_free_questions(struct guest *guest);

/* ---- suspend.c ---- */

/* LINE is a `mark` line. Handles it if it is about a suspended guest. */
void guest_suspend_mark(struct guest *guest, const struct machine_line *line);
/* The VM has been suspended by its guest. */
void guest_suspended(struct guest *guest);
/* The guest has said that it will be suspended, and is not yet: no action may begin. */
gboolean guest_awaits_suspend(const struct guest *guest);
/* TRUE: the answer to the guest's request is given when the guest is awake. */
gboolean guest_suspend_defers_answer(struct guest *guest);
/* The answer to the question `suspend`. The caller frees it. */
char *guest_suspend_answer(const struct guest *guest);
void guest_suspend_forget(struct guest *guest);

/* ---- action.c ---- */

struct guest_action_kind {
	gsize size; /* of the kind's own struct */
	/* FALSE if something that the kind needs is not there yet. NULL if it needs nothing. */
	gboolean (*can_begin)(const struct guest *guest);
	void (*begin)(struct guest *guest, struct guest_action *action);
	/* The action has succeeded. May be NULL. */
	void (*succeed)(struct guest *guest, const struct action_stats *stats);
	/* Another VM carries the guest afterwards. Its output is held until then. */
	gboolean changes_vm;
	/* The guest has booted. May be NULL. */
	void (*booted)(struct guest *guest, struct guest_action *action);
	/* The destination can take the guest. NULL if the action can begin then. */
	void (*destination_ready)(struct guest *guest, struct guest_action *action);
	/* All VMs that the guest has left have ended. TRUE if the action goes on. May be NULL. */
	gboolean (*sources_ended)(struct guest *guest, struct guest_action *action);
	/* What the action waits for, in a few words for a message. */
	const char *(*waits_for)(const struct guest *guest, const struct guest_action *action);
	const char *destination_died; /* for the message about that; may be NULL */
	/* Frees what the action has open. May be NULL. */
	void (*release)(struct guest_action *action);
};

struct guest_action {
	const struct guest_action_kind *kind;
	gboolean begun;
	action_done_function done;
	void *data;
};

/*
 * Returns the kind's own struct, with zeroes after the head. The guest owns it. The action begins
 * when guest_begin_action_when_ready() finds that it can.
 */
void *guest_new_action(struct guest *guest, const struct guest_action_kind *kind,
		       action_done_function done, void *data);
void guest_begin_action_when_ready(struct guest *guest);
/* The action of KIND, or NULL. */
void *guest_action_of(const struct guest *guest, const struct guest_action_kind *kind);
/* Adds the time for which the guest stood still. */
void guest_count_action(struct guest *guest, const struct action_stats *stats);
/* Ends the action. This is an action_done_function whose DATA is the guest. */
void guest_action_done(void *data, const struct action_stats *stats, const char *problem);
void guest_free_action(struct guest *guest);

#endif
