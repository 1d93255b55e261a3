// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L1's Hyper-V timers and clocks while an L2 on SVM runs (AMD APM volume 2: 15.13.1 and 15.21.1 for
 * who gets interrupts, 15.5.1 for TSC_OFFSET, 15.17 for GIF). The tests, and what they check, are
 * in x86/nested/l1-hyperv-*.c.
 */
#include "x86/nested/l1-hyperv.h"
#include "processor.h"
#include "nested/svm/svm.h"

void intercept_interrupts(struct l2 *l2)
{
	svm_set_intercept(l2, INTERCEPT_INTR);
}

bool is_interrupt_exit(u64 exit)
{
	return exit == SVM_EXIT_INTR;
}

void begin_with_interrupts_off(struct l2 *l2)
{
	l2->vmcb->save.rflags &= ~(u64)X86_EFLAGS_IF;
}

/* l2_enter() sets GIF after the exit. */
void hold_interrupts(void)
{
	clgi();
}
