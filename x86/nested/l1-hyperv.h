/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What l2-hyperv.c, the tests, needs of svm_hyperv.c or vmx_hyperv.c: one of the two kinds. */
#ifndef L2_HYPERV_H
#define L2_HYPERV_H

#include "nested/l2.h"

/* The call of an L2 that has come to its end. */
#define HERE 1

/* Cycles that no test takes. */
#define AHEAD  (5ul << 50)
#define BEHIND (-(7ul << 50))

/* L2 exits for interrupts, which are L1's then. Without, they are L2's. */
void intercept_interrupts(struct l2 *l2);
/* Whether an exit is for an interrupt of L1's. */
bool is_interrupt_exit(u64 exit);
/* L2 begins with interrupts off. */
void begin_with_interrupts_off(struct l2 *l2);
/* L1 takes no interrupts until it has entered L2, which may. */
void hold_interrupts(void);

#endif
