/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What svm_event and vmx_event have in common, and have of it for tests of their own. */
#ifndef L2_INTERRUPTS_H
#define L2_INTERRUPTS_H

#include "nested/l2-event.h"

/* From L1 to another of its CPUs: the interrupt LOW_VECTOR. */
void send_low(int cpu);

/* For an L2 that waits until L1 has seen its interrupt or NMI, as L1 then says. */
extern volatile bool seen;
void await_seen(void);

/*
 * An L2 that sends an NMI to itself, and a second in the handler of the first, MOVEd there; then
 * it makes its call 1. And how many handlers have begun, and a check of both.
 */
struct l2 *new_l2_with_two_nmis(bool move);
u32 nmis_begun(void);
void check_two_nmis(void);

#endif
