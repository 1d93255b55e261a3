/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * L1's Hyper-V while L2 runs: what l1-hyperv-*.c need from svm_hyperv.c and vmx_hyperv.c, and from
 * each other.
 */
#ifndef L2_HYPERV_H
#define L2_HYPERV_H

#include "nested/l2.h"

/* The call of an L2 that has come to its end. */
#define HERE 1

/* Offsets, in cycles, that no test can reach. */
#define AHEAD  (5ul << 50)
#define BEHIND (-(7ul << 50))

/* Makes L2 exit for interrupts, which L1 then takes. Otherwise L2 takes them. */
void intercept_interrupts(struct l2 *l2);
/* Whether an exit is for an interrupt of L1's. */
bool is_interrupt_exit(u64 exit);
/* L2 begins with interrupts off. */
void begin_with_interrupts_off(struct l2 *l2);
/* L1 takes no interrupts before it has entered L2, which may take them. */
void hold_interrupts(void);

#endif
