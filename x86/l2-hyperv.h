/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What l2-hyperv.c, the tests, needs of svm_hyperv.c or vmx_hyperv.c: one of the two kinds. */
#ifndef L2_HYPERV_H
#define L2_HYPERV_H

#include "l2.h"

/* This kind of nested guests, with a TSC offset. */
DECLARE_FEATURE(L2_KIND);

/* L2's TSC is L1's plus this. */
void set_tsc_offset(struct l2 *l2, u64 offset);
/* L2 exits for interrupts, which are L1's then. Without, they are L2's. */
void intercept_interrupts(struct l2 *l2);
/* As l2_enter(), and L2 reads and writes Hyper-V's registers, which are L1's. */
u64 enter_with_registers(struct l2 *l2);
/* Whether an exit is for an interrupt of L1's. */
bool is_interrupt_exit(u64 exit);
/* L2 begins with interrupts off. */
void begin_with_interrupts_off(struct l2 *l2);
/* L1 takes no interrupts until it has entered L2, which may. */
void hold_interrupts(void);

/* Asking to be moved, and the move, in between of which there is no exit to a VMM but L1's own. */
void request_move(void);
void await_move(void (*meanwhile)(void));

/* The word behind break= on the command line. */
bool broken(const char *what);

#endif
