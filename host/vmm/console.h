/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console of a VMM's guest, on the VMM's stdin and stdout. */
#ifndef FERRY_HOST_VM_CONSOLE_H
#define FERRY_HOST_VM_CONSOLE_H

#include <glib.h>

struct vm_console {
	int input;   /* socket; the other end is the VMM's stdin */
	int output;  /* pipe; the other end is the VMM's stdout */
	guint watch; /* waits for output, or for output to gather */
	unsigned gather_ms;
	gboolean held; /* output is delivered only by vm_console_drain() */
	void (*deliver)(void *data, const char *bytes, gsize length);
	void *data;
};

/*
 * Makes the console, unwatched, and the VMM's two ends of it, which the caller closes. Sets errno
 * and returns FALSE on failure.
 */
gboolean vm_console_make(struct vm_console *console, int *vmm_input, int *vmm_output);
/* The same, with a pair of sockets for the VMM's control. On failure nothing is left open. */
gboolean vm_console_make_with_control(struct vm_console *console, int *vmm_input, int *vmm_output,
				      int control[2]);
void vm_console_close(struct vm_console *console);

/* From now on output is delivered when it comes. */
void vm_console_watch(struct vm_console *console);
void vm_console_unwatch(struct vm_console *console);
/* Delivers the output that there is to read now. */
void vm_console_drain(struct vm_console *console);
/* From now on output is delivered only by vm_console_drain(), or when it is watched again. */
void vm_console_hold(struct vm_console *console);
/* Input for the guest. FALSE if the VMM does not take it, though it has not ended. */
gboolean vm_console_send(struct vm_console *console, const char *bytes, gsize length);

#endif
