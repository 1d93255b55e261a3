/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A running ferry-vmm, and what the files of this VMM share: native.c (its start), process.c (its
 * process), channel.c (the control protocol), action.c (what is done to its guest) and words.c (its
 * command line).
 */
#ifndef FERRY_HOST_NATIVE_H
#define FERRY_HOST_NATIVE_H

#include "vmm/console.h"
#include "vmm/native/channel.h"
#include "vmm/stderr-file.h"
#include "vmm/vmm.h"

/* The file descriptors under which ferry-vmm finds its control socket and what it restores. */
#define NATIVE_CONTROL_FD 3
#define NATIVE_RESTORE_FD 4

struct native {
	struct vm vm;
	const struct vm_listener *listener;
	void *owner;
	struct native_channel *channel;
	struct vm_console console;
	unsigned reply_seconds;
	gboolean broken;

	/* process.c */
	GPid pid; /* 0 once it was waited for */
	guint child_watch, end_deadline;
	struct vm_stderr words;
	char *failure;	/* what it said of its own end, or NULL */
	gboolean quits; /* it was told to */
	struct vm_exit exit;

	/* action.c: the action in progress; there is none if `done` is NULL */
	struct {
		action_done_function done;
		void *data;
		struct action_stats stats;
		gboolean running; /* a save after which the guest goes on */
	} action;
};

extern const struct vmm native_vmm;

/* Tells the owner, once, that this VMM cannot be talked to any more. */
void native_break(struct native *native, const char *problem);

/* ---- process.c ---- */

/*
 * Starts ferry-vmm with its ends of console and control, which the caller closes. FALSE and ERROR
 * on failure.
 */
gboolean native_spawn(struct native *native, const struct vm_config *config, int input, int output,
		      int control, GError **error);
void native_on_process_end(GPid pid, gint wait_status, gpointer native);
/* It has said that it ends, and must do so soon. */
void native_expect_end(struct native *native);
void native_quit(struct vm *vm);
void native_kill(struct vm *vm);
void native_release_output(struct vm *vm);

/* ---- action.c ---- */

void native_pause(struct vm *vm, gint64 microseconds, action_done_function done, void *data);
void native_cycle(struct vm *vm, unsigned count, action_done_function done, void *data);
void native_carry(struct vm *vm, action_done_function done, void *data);
void native_reset(struct vm *vm, action_done_function done, void *data);
void native_save(struct vm *vm, int file, const char *path, gboolean running,
		 action_done_function done, void *data);
void native_restore(struct vm *vm, action_done_function done, void *data);
/* The process has ended in the middle of an action, which fails. */
void native_action_died(struct native *native);

#endif
