// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the tests of x86/nested/l1-hyperv*.c need of VMX (Intel SDM volume 3: 25.6.1 for
 * external-interrupt exiting, 25.6.5 for the TSC offset, 26.2 and 28.2.2 for who gets interrupts).
 * vmx_time has kvmclock.
 */
#include "x86/nested/l1-hyperv.h"
#include "processor.h"
#include "nested/vmx/vmx.h"

/* The exit does not acknowledge the interrupt, so that it stays in the local APIC for L1. */
void intercept_interrupts(struct l2 *l2)
{
	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_EXT_INTR_MASK);
}

bool is_interrupt_exit(u64 exit)
{
	return exit == EXIT_REASON_EXTERNAL_INTERRUPT;
}

void begin_with_interrupts_off(struct l2 *l2)
{
	vmx_set(l2, GUEST_RFLAGS, vmx_get(l2, GUEST_RFLAGS) & ~(u64)X86_EFLAGS_IF);
}

/* L1 and L2 have RFLAGS.IF each, so L1's stays clear after the exit. */
void hold_interrupts(void)
{
	irq_disable();
}
