/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random moments of --cycle kick and --carry: the guest runs for a random time, then something is
 * done to it. A moment does not wait for an exit, so it finds the guest between any two
 * instructions, in L2 as well.
 */
#ifndef VMM_MOMENT_H
#define VMM_MOMENT_H

struct machine;

/* No moment comes unless the options want some. */
void moment_open(const struct machine *machine);
/* A file descriptor that can be read when a moment has come, or -1. */
int moment_fd(void);
/* The guest goes on, until a new moment. */
void moment_arm(const struct machine *machine);
/* Takes the moment that has come. */
void moment_take(void);

#endif
