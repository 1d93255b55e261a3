/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the QEMU VMM share: qemu.c (the process), qemu-move.c (pauses and
 * resets), qemu-live.c (live migration), qemu-break.c (what
 * becomes of one that is broken off), qemu-save.c (files), qemu-option.c (what the options
 * of plans mean), qemu-recover.c (post-copy streams that are cut).
 */
#ifndef FERRY_HOST_QEMU_H
#define FERRY_HOST_QEMU_H

#include <json-glib/json-glib.h>

#include "vmm/qemu/qmp.h"
#include "vmm/vmm.h"

struct qemu_action;

struct qemu {
	struct vm vm;
	const struct vm_listener *listener;
	void *owner;

	GPid pid; /* 0 once it was waited for */
	guint child_watch;
	int console;	     /* socket; the other end is QEMU's stdin */
	int output;	     /* pipe; the other end is QEMU's stdout */
	guint console_watch; /* for there to be output, or for it to gather */
	unsigned gather_ms;
	gboolean output_held;
	gboolean high_priority; /* until it can take its guest it goes first: child.h */
	gboolean exit_held;	/* ended while the output was held */
	struct vm_exit exit;
	char *stderr_path;
	gint64 stderr_start; /* what the file held before this process wrote to it */

	struct qmp *qmp;
	char *incoming;
	gboolean restores;
	struct ram_images *images;
	gboolean starts_stopped; /* a guest that comes waits for `cont` */
	/* Of qemu-ram.c. */
	const char *ram_path;
	void (*ram_written)(struct qemu *qemu);
	unsigned uses;	  /* of enum vmm_capability */
	unsigned options; /* of enum vm_option */
	char *port;	  /* of TCP, where it listens; NULL if it does not, or not yet */
	int fifo;	  /* that its guest comes through; 0 if there is none, or bytes flow */
	gboolean told_incoming; /* to read its guest from a file */
	guint quit_deadline;
	unsigned reply_seconds;
	gboolean broken;

	gint64 stop_time;	/* of the last STOP event, CLOCK_REALTIME us; 0 if none */
	gint64 resume_time;	/* of the last RESUME event */
	gint64 migration_time;	/* of the last MIGRATION event */
	char *migration_status; /* that it told, or NULL */

	struct qemu_action *action; /* that this QEMU is part of, as source or destination */
};

extern const struct vmm qemu_vmm;

/* Tells the owner, once, that this QEMU cannot be talked to any more. */
void qemu_break(struct qemu *qemu, const char *problem);

/* It can take its guest, and tells the owner. */
void qemu_become_ready(struct qemu *qemu);

/* Kills the process by order; its exit is told as ever. */
void qemu_kill(struct vm *vm);

/* Delivers the console output that there is to read now. */
void qemu_drain_console(struct qemu *qemu);
/* From now on it is only delivered by that, or when it is released. */
void qemu_hold_console(struct qemu *qemu);

/* An event came that a move may wait for, or QEMU has ended. */
void qemu_action_progress(struct qemu *qemu);

/* The machine was reset, and not by the guest. */
void qemu_reset_done(struct qemu *qemu);

/* A QEMU that is freed in the middle of a move takes the move with it; nobody is told. */
void qemu_action_forget(struct qemu *qemu);

void qemu_pause(struct vm *vm, gint64 microseconds, action_done_function done, void *data);
void qemu_migrate(struct vm *vm, struct vm *to, const struct migration_options *options,
		  action_done_function done, void *data);
void qemu_break_migration(struct vm *vm, struct vm *to,
			  const struct broken_migration_options *options, action_done_function done,
			  void *data);
void qemu_reset(struct vm *vm, action_done_function done, void *data);
void qemu_save(struct vm *vm, int file, const char *path, gboolean running,
	       action_done_function done, void *data);
void qemu_restore(struct vm *vm, action_done_function done, void *data);

#endif
