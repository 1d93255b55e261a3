/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMs made ahead, while the guest runs in another one. Making a VM takes longer than all the rest
 * of a cycle, and is mostly waiting for the kernel (RCU).
 */
#ifndef VMM_AHEAD_H
#define VMM_AHEAD_H

struct machine;
struct vm;

/* A new VM of MACHINE's shape, and others are begun. The director calls it. */
struct vm *ahead_take(const struct machine *machine);

#endif
