// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Time while a nested guest on VMX runs, across a migration: L2's TSC here, the VMX-preemption
 * timer and L1's APIC timer in the other files of this folder (Intel SDM volume 3: 25.6.5 and 26.3
 * for TSC offsetting, 26.5.1 for the VMX-preemption timer, 28.3.4 for its saved value, 26.2 and
 * 28.2.2 for external interrupts).
 *
 * In a migration a VMM reads the TSC and the local APIC while L2 runs, and writes them to a vCPU
 * that is in L2 or will be. A broken hypervisor takes L2's TSC for L1's, adds the offset twice or
 * not at all, begins the preemption timer anew or loses it, loses an interrupt for L1, or gives it
 * to L2.
 *
 * The tests compare what L2 reads, less the offset, with L1's TSC before the entry and after the
 * exit. This is exact for the offset, and says nothing about the rate of the TSC. A late event is a
 * failure only if it misses its deadline, which the library's time source measures. The stack that
 * an interrupt comes on tells whether it came to L1 or to L2.
 *
 * x86/nested/time*.c has the tests that SVM has as well.
 *
 * The tests cannot tell a timer that was lost from one whose time became very long.
 *
 * break=WHAT on the command line spoils a test on purpose:
 *
 * offset  each VM entry has another TSC offset
 * early   the timer is set for half of its time
 * lost    there is no timer, neither the preemption timer nor L1's
 * saved   the saved value of the preemption timer is too old
 * given   L2 gets the interrupts that L1 wants
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/vmx_time/vmx_time.h"

/* ======== what x86/nested/time*.c needs ======== */

bool use_nested_paging(struct l2 *l2)
{
	if (!VMX_EPT[0]->present())
		return false;
	vmx_use_ept(l2);
	return true;
}

u64 ask_l1(u64 number, u64 question)
{
	asm volatile("vmcall" : "+b"(question) : "a"(number) : "memory");
	return question;
}

/* ======== TSC offset ======== */

TEST(tsc_offset_off, .on = EACH_CPU, .needs = VMX_TSC_OFFSETTING,
     .about =
	     "TSC_OFFSET without its control has no effect on L2's TSC, before and after a migration in L2")
{
	struct stay stay = { .move = true };
	struct l2 *l2 = l2_new(look_twice, &stay);

	vmx_set(l2, TSC_OFFSET, AHEAD);
	if (broken("offset"))
		vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_TSC_OFFSETTING);
	stay.before = rdtsc_ordered();
	l2_enter(l2);
	stay.after = rdtsc_ordered();
	if (report_if_failed(l2_is_call(l2, HERE), "L2 should make its call: exit %s",
			     l2_exit_text(l2)))
		check_stay(&stay, "without TSC offsetting");
	l2_free(l2);
}
