/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plan cycle@revert: the guest goes on for a while after it was saved, and then it is put back,
 * into the same VM. What it did meanwhile must leave no trace, as when a user goes back to a
 * snapshot.
 */
#ifndef VMM_REVERT_H
#define VMM_REVERT_H

struct machine;
struct state;

/*
 * Lets the guest of MACHINE, whose vCPUs are all stopped, go on for a random time that ends with
 * the first exit that user space would have to handle. Then puts its RAM back, and restores STATE,
 * which was just saved.
 */
void revert_carry_out(struct machine *machine, const struct state *state);

#endif
