// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Activity states of nested guests on VMX survive a migration: an L2 that is halted, in shutdown or
 * waiting for a SIPI stays so on the destination until something wakes it. An INIT survives it as
 * well, and makes L2 exit.
 *
 * Intel SDM volume 3: 25.4.2 (activity states), 26.2 (what exits, and what is blocked in which
 * state), 26.5.1 (the VMX-preemption timer), 27.7.2 (entries to inactive states), 28.1 and 28.3.4
 * (the state that an exit saves), 24.8 (INIT in VMX operation).
 *
 * A broken hypervisor saves a sleeping L2 as a running one, and so wakes it for nothing. It
 * restores a sleeping L1 in place of L2; then nothing wakes L2, or L1 is woken instead. It forgets
 * a timer that is running, or an INIT that is pending. Or it lets in an event that the state
 * blocks.
 *
 * L2 does nothing but sleep, so that the migration comes while it sleeps. What wakes it is its
 * next exit or its next event (nested/l2-event.h). In tests with one CPU, timers wake L2 again and
 * again until the migration is over. In tests with two CPUs, the other CPU asks for the migration,
 * wakes L2, and makes sure that the test ends.
 *
 * A late wake-up is a failure only if it misses the deadline. The tests see an unwanted wake-up
 * only by an exit, an instruction of L2 or its activity state.
 *
 * break=WHAT on the command line spoils a test on purpose:
 *
 * awake  L2 does not sleep
 * early  timers are set for half of their time, and other CPUs send before the migration
 * other  something else wakes L2 than what should
 */
#include "libcflat.h"
#include "muldiv.h"
#include "processor.h"
#include "x86/vmx_activity/vmx_activity.h"

#define NS_PER_MS     1000000ul
#define NS_PER_SECOND 1000000000ul

u64 cycles_of_ms(u64 ms)
{
	return mul_div(tsc_hz(), ms * NS_PER_MS, NS_PER_SECOND);
}

L2_CODE(halt_forever, (void),
	"	.globl halt_forever, behind_hlt\n"
	"1:	hlt\n"
	"behind_hlt:\n"
	"	jmp 1b\n");

L2_CODE(run_and_call, (void),
	"	.globl run_and_call\n"
	"	nop\n"
	"	mov $1, %eax\n"
	"	vmcall\n");

struct l2 *new_sleeper(void (*rip)(void), u32 state)
{
	struct l2 *l2 = event_l2_new(NULL, NULL);

	vmx_set(l2, GUEST_RIP, (u64)rip);
	l2_irq_off(l2);
	vmx_set(l2, GUEST_ACTIVITY_STATE, broken("awake") ? GUEST_ACTIVITY_ACTIVE : state);
	return l2;
}

void end_sleeper(struct l2 *l2, const void *rip)
{
	check_rip(l2, rip, "asleep");
	vmx_clear_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_VMX_PREEMPTION_TIMER);
	vmx_set(l2, GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	vmx_set(l2, GUEST_RIP, (u64)run_and_call);
	expect_call(l2, 1, "awake");
	event_l2_free(l2);
}

/* ======== an L2 that is entered halted, and wakes at once ======== */

/* A broken hypervisor lets L2 sleep. Then the preemption timer ends the test. */
static void forbid_sleep(struct l2 *l2)
{
	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_VMX_PREEMPTION_TIMER);
	vmx_set(l2, VMX_PREEMPTION_TIMER_VALUE,
		cycles_of_ms(PATIENCE_MS) >>
			VMX_MISC_PREEMPTION_TIMER_RATE(rdmsr(MSR_IA32_VMX_MISC)));
}

TEST(hlt_injected, .on = EACH_CPU, .needs = ALL_OF(VMX_PREEMPTION_TIMER, VMX_ACTIVITY_HLT),
     .about =
	     "an event injected in HLT state before a migration wakes L2 after it, and L2 is active")
{
	struct l2 *l2 = new_sleeper(run_and_call, GUEST_ACTIVITY_HLT);

	forbid_sleep(l2);
	vmx_set(l2, GUEST_RFLAGS, vmx_get(l2, GUEST_RFLAGS) | X86_EFLAGS_IF);
	if (!broken("other"))
		vmx_inject(l2, INTR_TYPE_EXT_INTR | LOW_VECTOR, 0);
	migrate_quiet();
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)run_and_call, "injected");
	check_field(l2, GUEST_ACTIVITY_STATE, ~0ul, GUEST_ACTIVITY_ACTIVE, "injected");
	expect_call(l2, 1, "and then");
	event_l2_free(l2);
}

TEST(hlt_interrupt_window, .on = EACH_CPU, .needs = ALL_OF(VMX_PREEMPTION_TIMER, VMX_ACTIVITY_HLT),
     .about =
	     "an interrupt window in HLT state with IF set, set up before a migration, exits at once")
{
	struct l2 *l2 = new_sleeper(run_and_call, GUEST_ACTIVITY_HLT);

	forbid_sleep(l2);
	if (!broken("other"))
		vmx_set(l2, GUEST_RFLAGS, vmx_get(l2, GUEST_RFLAGS) | X86_EFLAGS_IF);
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INTR_WINDOW_EXITING);
	migrate_quiet();
	expect_exit(l2, EXIT_REASON_INTERRUPT_WINDOW, "halted");
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INTR_WINDOW_EXITING);
	end_sleeper(l2, run_and_call);
}

TEST(hlt_nmi_window, .on = EACH_CPU,
     .needs = ALL_OF(VMX_PREEMPTION_TIMER, VMX_ACTIVITY_HLT, VMX_VIRTUAL_NMIS),
     .about = "an NMI window in HLT state, set up before a migration, exits at once")
{
	struct l2 *l2 = new_sleeper(run_and_call, GUEST_ACTIVITY_HLT);

	forbid_sleep(l2);
	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL,
			 PIN_BASED_NMI_EXITING | PIN_BASED_VIRTUAL_NMIS);
	if (!broken("other"))
		vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_NMI_WINDOW_EXITING);
	migrate_quiet();
	expect_exit(l2, EXIT_REASON_NMI_WINDOW, "halted");
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_NMI_WINDOW_EXITING);
	end_sleeper(l2, run_and_call);
}
