/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saves a guest to a file, and restores one from a file. */
#ifndef VMM_SAVE_H
#define VMM_SAVE_H

#include <stdbool.h>

struct machine;
struct options;
struct request;

/* If OPTIONS name a saved guest, reads it, and takes the machine's shape from it. */
void restore_prepare(struct options *options);
/*
 * Whether there is such a guest. Then the machine is not powered on. restore_carry_out() puts the
 * guest into MACHINE, if there is one.
 */
bool restore_wanted(void);
void restore_carry_out(struct machine *machine);

/*
 * With --save: saves the guest if it waits to be migrated. Returns whether it did; then the process
 * is to end. All vCPUs are stopped.
 */
bool save_when_due(struct machine *machine);
/* With --save: prints that the guest has ended before it was saved. */
void save_was_missed(const struct machine *machine);

/*
 * `save`: stops the guest, and saves it to the file that came with the request. It stays stopped.
 */
void action_save(struct machine *machine, struct request *request);
/* `go`: lets the guest go on. */
void action_go(struct machine *machine, struct request *request);

#endif
