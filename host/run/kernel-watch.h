/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel of this machine reports while cases run on it (util/kernel-report.h) becomes part
 * of their results. A report that comes from KVM fails each case that ran when it began; another
 * one is a warning, and so is a report about a virtual machine of somebody else. In a lab the
 * runner inside does this for the lab's kernel.
 */
#ifndef FERRY_HOST_KERNEL_WATCH_H
#define FERRY_HOST_KERNEL_WATCH_H

#include "report/result.h"

struct kernel_watch;

struct kernel_watch_listener {
	/* A case has ended, and its RESULT has what the kernel said. It belongs to the callee. */
	void (*ended)(void *data, struct result *result);
	/* The kernel has reported something while no case ran; one line. */
	void (*note)(void *data, const char *text);
};

/*
 * EMULATED: the machine's CPU is emulated, and may stand still whenever the emulator does. There a
 * report that something takes too long says nothing about KVM, and is only a warning.
 */
struct kernel_watch *kernel_watch_new(gboolean emulated,
				      const struct kernel_watch_listener *listener, void *data);

void kernel_watch_started(struct kernel_watch *watch, const struct test_case *test_case);
/* The case has ended. Its result may have to wait for the end of a report. */
void kernel_watch_ended(struct kernel_watch *watch, struct result *result);
/* Is there a result that waits? */
gboolean kernel_watch_holds(const struct kernel_watch *watch);
/* Lets no result wait any longer. */
void kernel_watch_flush(struct kernel_watch *watch);
void kernel_watch_free(struct kernel_watch *watch);

#endif
