/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The main thread: it stops vCPUs, acts on the guest, and feeds its console. */
#ifndef VMM_DIRECTOR_H
#define VMM_DIRECTOR_H

struct machine;

/* Runs the guest to its end. Returns the status that the process ends with. */
int director_run(struct machine *machine);
/*
 * Lets the vCPUs go on, unless the guest is held or director_run() must handle an event first. The
 * guest may have ended.
 */
void director_go(struct machine *machine);

#endif
