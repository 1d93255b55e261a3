/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random moments of --cycle kick and --carry: the guest runs for a random time, then something is
 * done to it. A moment does not wait for an exit, so it finds the guest between any two
 * instructions, in L2 as well.
 */
#ifndef VMM_MOMENT_H
#define VMM_MOMENT_H

struct machine;

/* No moments come unless the options ask for them. */
void moment_open(const struct machine *machine);
/* A file descriptor that can be read when a moment has come, or -1. */
int moment_fd(void);
/* To be called when the guest goes on: sets the time of the next moment. */
void moment_arm(const struct machine *machine);
/* Consumes the moment that has come, so that moment_fd() is no longer readable. */
void moment_take(void);

#endif
