/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a guest is saved to a file, and when one from a file goes on. */
#ifndef VMM_SAVE_H
#define VMM_SAVE_H

#include <stdbool.h>

struct machine;
struct options;
struct request;

/* If OPTIONS wants a guest from a file, reads that, and takes the machine's shape from it. */
void restore_prepare(struct options *options);
/* Puts that guest into MACHINE, if there is one. Then the machine was not powered on. */
bool restore_wanted(void);
void restore_carry_out(struct machine *machine);

/*
 * By hand: saves the guest if the command line wants that and it waits to be migrated. Returns
 * whether it did; then the process is to end. All vCPUs are stopped.
 */
bool save_when_due(struct machine *machine);
/* By hand: tells if the guest was to be saved, and has ended instead. */
void save_was_missed(const struct machine *machine);

/* `save`, to the file that came with the request: the guest is stopped, and stays so. */
void action_save(struct machine *machine, struct request *request);
/* `go`: it goes on. */
void action_go(struct machine *machine, struct request *request);

#endif
