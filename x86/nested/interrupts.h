/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What svm_event and vmx_event share in interrupts.c. */
#ifndef L2_INTERRUPTS_H
#define L2_INTERRUPTS_H

#include "nested/l2-event.h"

/* Sends LOW_VECTOR from L1 to another of its CPUs. */
void send_low(int cpu);

/* L1 sets `seen' when it has seen the interrupt or NMI. L2 waits for that by await_seen(). */
extern volatile bool seen;
void await_seen(void);

/*
 * new_l2_with_two_nmis() makes an L2 that sends an NMI to itself, and a second one in the handler
 * of the first. If MOVE, L2 is migrated in that handler. Then it makes call 1. The others tell how
 * many handlers have begun, and check both NMIs.
 */
struct l2 *new_l2_with_two_nmis(bool move);
u32 nmis_begun(void);
void check_two_nmis(void);

#endif
