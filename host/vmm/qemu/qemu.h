/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A running QEMU, and what the files of this VMM share: process.c, monitor.c (its start and its
 * events), capability.c, channel.c, and what can be done to the guest (action.h).
 */
#ifndef FERRY_HOST_QEMU_H
#define FERRY_HOST_QEMU_H

#include <json-glib/json-glib.h>

#include "vmm/console.h"
#include "vmm/qemu/qmp.h"
#include "vmm/stderr-file.h"
#include "vmm/vmm.h"

struct qemu_action;

struct qemu {
	struct vm vm;
	const struct vm_listener *listener;
	void *owner;
	struct qmp *qmp;
	gboolean broken;
	unsigned uses;	   /* of enum vmm_capability */
	unsigned options;  /* of enum vm_option */
	gboolean postcopy; /* its capability postcopy-ram is on */
	unsigned reply_seconds;

	/* process.c */
	GPid pid; /* 0 once it was waited for */
	guint child_watch;
	guint quit_deadline;
	gboolean high_priority; /* until it can take its guest (child.h) */
	struct vm_stderr words;
	struct vm_exit exit;
	gboolean exit_held; /* ended while the output was held */

	struct vm_console console;

	/* channel.c, and where the guest comes from */
	char *incoming; /* path of a socket, FIFO or file, or NULL */
	gboolean restores;
	gboolean opens_files; /* it takes the path of a file, not a descriptor (save.c) */
	char *port;	      /* the TCP port where it listens; NULL if it does not, or not yet */
	int fifo; /* its guest comes through it; 0 if there is none, or once bytes flow */
	gboolean told_incoming; /* it was told to read its guest from a file */

	/* ram.c */
	struct ram_images *images;
	gboolean starts_stopped; /* a guest that comes waits for `cont` */
	gboolean waits;		 /* its guest waits for the first migration */
	const char *ram_path;
	void (*ram_written)(struct qemu *qemu);

	/* The last events of each kind, CLOCK_REALTIME us; 0 if there was none. */
	gint64 stop_time, resume_time, migration_time;
	char *migration_status; /* what the last MIGRATION event told, or NULL */

	struct qemu_action *action; /* that this QEMU is part of, as source or destination */
};

extern const struct vmm qemu_vmm;

/* ---- process.c ---- */

/*
 * Starts QEMU with its ends of console, output and monitor, which the caller closes. FALSE and
 * ERROR on failure.
 */
gboolean qemu_spawn(struct qemu *qemu, const struct vm_config *config, int console, int output,
		    int monitor, GError **error);
void qemu_on_process_end(GPid pid, gint wait_status, gpointer qemu);
void qemu_quit(struct vm *vm);
/* Kills the process. Its exit is reported as ordered. */
void qemu_kill(struct vm *vm);
void qemu_release_output(struct vm *vm);

/* ---- monitor.c ---- */

extern const struct qmp_listener qemu_monitor_listener;

/* Tells the owner, once, that this QEMU cannot be talked to any more. */
void qemu_break(struct qemu *qemu, const char *problem);
/* Tells the owner that QEMU can take its guest. */
void qemu_become_ready(struct qemu *qemu);

/* Wakes a machine that its guest has suspended. */
void qemu_wake(struct vm *vm);

/* ---- action.c, and a file for each kind of action ---- */

/* An event came that an action may wait for, or QEMU has ended. */
void qemu_action_progress(struct qemu *qemu);
/* QEMU is freed. If it is in the middle of an action, frees the action and tells nobody. */
void qemu_action_forget(struct qemu *qemu);
/* The machine was reset, and not by the guest. */
void qemu_reset_done(struct qemu *qemu);

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
