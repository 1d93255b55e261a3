/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes VMs in advance, while the guest runs in another one. Making a VM takes longer than all the
 * rest of a cycle, and most of that is waiting for the kernel (RCU).
 */
#ifndef VMM_AHEAD_H
#define VMM_AHEAD_H

struct machine;
struct vm;

/* Returns a new VM of MACHINE's shape, and has further ones made. The director calls it. */
struct vm *ahead_take(const struct machine *machine);

#endif
