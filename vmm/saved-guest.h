/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest in a file: all of its state and its memory, so that another process can go on with it.
 * docs/native-vmm.md, "Saved guests", tells what is in the file.
 */
#ifndef VMM_SAVED_GUEST_H
#define VMM_SAVED_GUEST_H

#include <stdint.h>

struct machine;
struct options;
struct state;

/*
 * Writes MACHINE, whose vCPUs are stopped and whose state is STATE, to the open file FD, which
 * stays open. Returns how many bytes that were, or a negative number with errno set.
 */
int64_t saved_guest_write(int fd, const struct machine *machine, const struct state *state);

/* A file that was checked, and is complete. */
struct saved_guest;

/*
 * Reads the open file FD, which messages call NAME. Ends the process with one line if it is no
 * saved guest, is damaged, or is one that this host cannot go on with. Freed with the process.
 */
struct saved_guest *saved_guest_read(int fd, const char *name);
/* Sets the machine's shape in OPTIONS to GUEST's. */
void saved_guest_shape(const struct saved_guest *guest, struct options *options);
/*
 * Restores GUEST in MACHINE, which has its shape and no state yet. Reads KVM's state back, and
 * compares it with what was saved. Ends the process with one line if they differ.
 */
void saved_guest_restore(const struct saved_guest *guest, struct machine *machine);

#endif
