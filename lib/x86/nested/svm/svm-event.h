/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tests of events in an L2 on SVM include this file: it adds to l2-event.h what only SVM has (AMD
 * APM volume 2, 15.20 and 15.21).
 *
 * QEMU's TCG may deliver an injected interrupt twice if no #VMEXIT comes in between
 * (docs/findings.md). In L2 the handler's first instruction is an exit, so this happens only once
 * in some thousand events. The second delivery then interrupts the handler at its first
 * instruction, and event_enter_gif_clear() sees that. In L1 the interrupt of a second delivery is
 * not in service in the local APIC. Both are counted, and reported when the L2 is freed.
 */
#ifndef X86_SVM_EVENT_H
#define X86_SVM_EVENT_H

#include "nested/l2-event.h"
#include "nested/svm/svm.h"

/* Like event_enter(), but the caller calls clgi() before and stgi() after it. */
void event_enter_gif_clear(struct l2 *l2);

/* A check: V_IRQ in L2's VMCB is set or clear. `when` begins its text. */
bool check_virq(const struct l2 *l2, bool pending, const char *when);

#endif
