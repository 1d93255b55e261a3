// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Time while a nested guest on VMX is in flight: L2's TSC, the VMX-preemption timer, L1's
 * APIC timer (Intel SDM volume 3: 25.6.5 and 26.3 TSC offsetting, 26.5.1 the VMX-preemption
 * timer, 28.3.4 its saved value, 26.2 and 28.2.2 external interrupts).
 *
 * In a move a VMM reads the TSC and the local APIC while L2 runs, and writes them back into a
 * vCPU that is in L2 already or will be: a hypervisor may take L2's TSC for L1's, add the
 * offset twice or not at all, begin the preemption timer anew or forget it, or lose an
 * interrupt for L1, or give it to L2.
 *
 * What L2 reads is compared with L1's TSC before the entry and after the exit, less the
 * offset. That is exact as to the offset, and says nothing about how fast the TSC goes. The
 * preemption timer counts by the TSC: so L1's TSC tells whether it was early, and how much of
 * its value must be gone. Late is no failure short of a deadline, which is measured by the
 * library's time source. An interrupt's place is known by the stack that it interrupts.
 *
 * What is the same on SVM is in l2-time.c, l2-time-clock.c and l2-time-trips.c.
 *
 * Not told apart: a timer that was lost, and one whose time became very long.
 *
 * On the command line: break=WHAT, to spoil the test on purpose:
 *
 * offset  every L2 is entered with another TSC offset
 * early   the timer is set for half of its time
 * lost    there is no timer: neither the preemption timer nor L1's
 * saved   the saved value is older than it should be
 * given   L2 has the interrupts that L1 wants
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/vmx_time/vmx_time.h"

/* ======== what l2-time.c and the others ask for ======== */

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
     .about = "the field TSC_OFFSET counts only with its control, also after a move in L2")
{
	struct stay stay = { .move = true };
	struct l2 *l2 = l2_new(look_twice, &stay);

	vmx_set(l2, TSC_OFFSET, AHEAD);
	if (broken("offset"))
		vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_TSC_OFFSETTING);
	stay.before = rdtsc_ordered();
	l2_enter(l2);
	stay.after = rdtsc_ordered();
	if (report_if_failed(l2_is_call(l2, HERE), "L2 should have come to its call: exit %s",
			     l2_exit_text(l2)))
		check_stay(&stay, "without TSC offsetting");
	l2_free(l2);
}
