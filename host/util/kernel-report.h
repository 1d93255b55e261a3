/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds reports in the messages of a Linux kernel: a WARNING, a BUG, an Oops, a stall, a complaint
 * of lockdep, each with all lines that belong to it. Ordinary messages are no reports, whatever
 * their level is.
 */
#ifndef FERRY_HOST_KERNEL_REPORT_H
#define FERRY_HOST_KERNEL_REPORT_H

#include <glib.h>

struct kernel_report {
	char *text;	   /* one line: what it is, and where */
	char *block;	   /* all its lines */
	gboolean from_kvm; /* it happened in KVM's code, or in what KVM had called */
	gboolean timed;	   /* something took too long: a stall, a lockup, a hung task */
	/*
	 * The number of the thread that did it, or 0: not known. An interrupt comes at any moment,
	 * so the thread that it has interrupted has nothing to do with it.
	 */
	gint thread;
};

struct kernel_report_listener {
	/* A report has begun. */
	void (*begun)(void *data);
	/* All of it has come. It is freed after this call. */
	void (*complete)(void *data, const struct kernel_report *report);
};

struct kernel_reader;

struct kernel_reader *kernel_reader_new(const struct kernel_report_listener *listener, void *data);
/* Takes the kernel's next message, without a time stamp or a level. */
void kernel_reader_take(struct kernel_reader *reader, const char *message);
/* Has a report begun that is not complete? */
gboolean kernel_reader_is_open(const struct kernel_reader *reader);
/* No further lines of the report come: it is complete. */
void kernel_reader_flush(struct kernel_reader *reader);
/* Forgets a report that is not complete. */
void kernel_reader_free(struct kernel_reader *reader);

#endif
