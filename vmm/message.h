/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ferry-vmm says on stderr, and how it ends when it cannot go on. */
#ifndef VMM_MESSAGE_H
#define VMM_MESSAGE_H

/*
 * How the process ends. The guest's own statuses are odd, as with QEMU's isa-debug-exit: the byte
 * that it writes, times two, plus one.
 */
enum status {
	STATUS_SHUTDOWN = 0,   /* the guest has reset itself, or triple-faulted */
	STATUS_SETUP = 2,      /* usage, a file, or no KVM that can be used */
	STATUS_DIFFERENCE = 4, /* KVM's state after a restore is not what was saved */
	STATUS_KVM = 6,	       /* KVM refused to go on with the guest */
	STATUS_UNABLE = 8,     /* this KVM, or ferry-vmm, lacks something that the machine needs */
};

/* Prints "ferry-vmm: " and the text as one line. */
void message(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints the same and ends the process with STATUS. */
void die(enum status status, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));
/* TELL gets the text of each die(), before the process ends. It may be called on any thread. */
void message_tell_deaths(void (*tell)(const char *text));
/* malloc() and realloc() that cannot fail; the memory of allocate() is zeroed. */
void *allocate(unsigned long size);
void *reallocate(void *memory, unsigned long size);

#endif
