/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of events on nested SVM: l2-event.h, and what SVM alone has.
 *
 * QEMU's TCG may deliver twice what a hypervisor injects as an interrupt, unless the
 * next #VMEXIT comes first (docs/findings.md). In L2 the handler's first instruction is
 * that exit, but for once in some thousand events, when the second one interrupts the
 * handler before it (event_enter_gif_clear); in L1 the local APIC knows: the surplus is not in
 * service. Both are counted, and reported at the end of the L2.
 */
#ifndef X86_SVM_EVENT_H
#define X86_SVM_EVENT_H

#include "nested/l2-event.h"
#include "nested/svm/svm.h"

/* As event_enter(), between the caller's clgi() and stgi(). */
void event_enter_gif_clear(struct l2 *l2);

/* A check of L2's VMCB. */
bool check_virq(const struct l2 *l2, bool pending, const char *when);

#endif
