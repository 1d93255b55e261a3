// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2 sleeps until another CPU wakes it, by an interrupt, an NMI, INIT or a SIPI (Intel SDM volume
 * 3, 25.4.2 and 26.2; 24.8 for INIT in VMX operation).
 *
 * The other CPU asks for the migration while L2 sleeps. A broken hypervisor restores a sleeping L1
 * in place of L2, or a running L2, or loses an INIT that is pending.
 */
#include "libcflat.h"
#include "apic.h"
#include "processor.h"
#include "smp.h"
#include "x86/nested/held-init.h"
#include "x86/nested/wake.h"
#include "x86/vmx_activity/vmx_activity.h"

#define SIPI_VECTOR 0x9a

static void send_low(int cpu)
{
	apic_send_ipi(cpu, broken("other") ? HIGH_VECTOR : LOW_VECTOR);
}

static void send_init(int cpu)
{
	apic_icr_write(APIC_DM_INIT | APIC_INT_ASSERT, cpu_apic_id(cpu));
}

static void send_sipi(int cpu)
{
	apic_icr_write(APIC_DM_STARTUP | (SIPI_VECTOR + broken("other")), cpu_apic_id(cpu));
}

/* Enters L2, which sleeps until something makes it exit. L1 has interrupts off. */
static void sleep_until_woken(struct l2 *l2, struct waker *waker)
{
	wake_after_migration(waker);
	irq_disable();
	waker->sleeping = 1;
	l2_enter(l2);
	waker->exits = 1;
	check_wake(waker);
}

/*
 * Something that makes L2 exit wakes it. The test nmi_exits_halted checks the activity state that
 * is saved after an NMI; this function does not.
 */
static void wake_by_exit(u32 control, u64 reason, void (*send)(int cpu), u8 vector)
{
	struct waker waker = { .send = send };
	struct l2 *l2 =
		new_sleeper(broken("awake") ? run_and_call : halt_forever, GUEST_ACTIVITY_ACTIVE);

	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, control);
	sleep_until_woken(l2, &waker);
	exit_came(l2, reason, "halted");
	if (reason == EXIT_REASON_EXCEPTION_NMI)
		dispatch(NMI_VECTOR);
	else
		check_field(l2, GUEST_ACTIVITY_STATE, ~0ul, GUEST_ACTIVITY_HLT, "halted");
	irq_enable();
	if (vector)
		l1_got("awake", vector);
	end_sleeper(l2, behind_hlt);
}

/* An event that L2 takes wakes it. */
static void wake_by_event(void (*send)(int cpu), u8 vector)
{
	struct waker waker = { .send = send };
	struct l2 *l2 =
		new_sleeper(broken("awake") ? run_and_call : halt_forever, GUEST_ACTIVITY_ACTIVE);

	vmx_set(l2, GUEST_RFLAGS, vmx_get(l2, GUEST_RFLAGS) | X86_EFLAGS_IF);
	sleep_until_woken(l2, &waker);
	event_came(l2, vector, NO_CODE, (u64)behind_hlt, "halted");
	if (vector != NMI_VECTOR)
		eoi();
	l1_got_nothing("taken by L2");
	event_l2_free(l2);
}

TEST(intr_exits, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about = "a halted L2 sleeps through a migration, until another CPU's IPI makes it exit, once")
{
	wake_by_exit(PIN_BASED_EXT_INTR_MASK, EXIT_REASON_EXTERNAL_INTERRUPT, send_low, LOW_VECTOR);
}

TEST(intr_taken, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about = "a halted L2 sleeps through a migration, until it takes another CPU's IPI, once")
{
	wake_by_event(send_low, LOW_VECTOR);
}

TEST(nmi_exits, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about = "a halted L2 sleeps through a migration, until another CPU's NMI makes it exit, once")
{
	wake_by_exit(PIN_BASED_NMI_EXITING, EXIT_REASON_EXCEPTION_NMI, apic_send_nmi, NMI_VECTOR);
}

/* If the saved state were active, L1's next VM entry would wake L2 for nothing (28.1). */
TEST(nmi_exits_halted, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about = "an exit for an NMI saves the activity state HLT of a halted L2, after a migration")
{
	struct waker waker = { .send = apic_send_nmi };
	struct l2 *l2 =
		new_sleeper(broken("awake") ? run_and_call : halt_forever, GUEST_ACTIVITY_ACTIVE);

	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_NMI_EXITING);
	sleep_until_woken(l2, &waker);
	check_field(l2, GUEST_ACTIVITY_STATE, ~0ul, GUEST_ACTIVITY_HLT, "halted");
	dispatch(NMI_VECTOR);
	irq_enable();
	l1_forget();
	event_l2_free(l2);
}

TEST(nmi_taken, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about = "a halted L2 sleeps through a migration, until it takes another CPU's NMI, once")
{
	wake_by_event(apic_send_nmi, NMI_VECTOR);
}

TEST(init_exits_halted, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about =
	     "a halted L2 sleeps through a migration, until another CPU's INIT makes it exit, once")
{
	wake_by_exit(0, EXIT_REASON_INIT_SIGNAL, send_init, 0);
}

/* ======== wait-for-SIPI ======== */

/* Only a SIPI wakes an L2 in wait-for-SIPI; interrupts and NMIs for L1 wait for the exit (26.2). */
static void wait_for_sipi(void (*disturb)(int cpu), u8 vector, bool timer)
{
	struct waker waker = { .disturb = disturb, .send = send_sipi };
	struct l2 *l2 = new_sleeper(run_and_call, GUEST_ACTIVITY_WAIT_SIPI);

	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL,
			 PIN_BASED_EXT_INTR_MASK | PIN_BASED_NMI_EXITING);
	if (timer) {
		vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_VMX_PREEMPTION_TIMER);
		vmx_set(l2, VMX_PREEMPTION_TIMER_VALUE, 1);
	}
	sleep_until_woken(l2, &waker);
	exit_came(l2, EXIT_REASON_SIPI_SIGNAL, "waiting");
	check_field(l2, EXIT_QUALIFICATION, ~0ul, SIPI_VECTOR, "waiting");
	check_field(l2, GUEST_ACTIVITY_STATE, ~0ul, GUEST_ACTIVITY_WAIT_SIPI, "waiting");
	if (l2->exit_reason == EXIT_REASON_EXCEPTION_NMI)
		dispatch(NMI_VECTOR);
	irq_enable();
	if (vector)
		l1_got("after the exit", vector);
	end_sleeper(l2, run_and_call);
}

TEST(wait_for_sipi, .on = EACH_CPU, .needs = ALL_OF(VMX_ACTIVITY_WAIT_SIPI, SMP),
     .about =
	     "an L2 in wait-for-SIPI state stays in it through a migration, until a SIPI makes it exit with the SIPI's vector")
{
	wait_for_sipi(NULL, 0, false);
}

TEST(wait_for_sipi_intr, .on = EACH_CPU, .needs = ALL_OF(VMX_ACTIVITY_WAIT_SIPI, SMP),
     .about =
	     "an interrupt does not make an L2 in wait-for-SIPI state exit after a migration; L1 gets it after the SIPI")
{
	wait_for_sipi(send_low, LOW_VECTOR, false);
}

TEST(wait_for_sipi_nmi, .on = EACH_CPU, .needs = ALL_OF(VMX_ACTIVITY_WAIT_SIPI, SMP),
     .about =
	     "an NMI does not make an L2 in wait-for-SIPI state exit after a migration; L1 gets it after the SIPI")
{
	wait_for_sipi(apic_send_nmi, NMI_VECTOR, false);
}

/* 26.5.1: the timer causes no VM exit if it reaches zero in the wait-for-SIPI state. */
TEST(wait_for_sipi_timer, .on = EACH_CPU,
     .needs = ALL_OF(VMX_ACTIVITY_WAIT_SIPI, VMX_PREEMPTION_TIMER, SMP),
     .about =
	     "the preemption timer does not make an L2 in wait-for-SIPI state exit, across a migration")
{
	wait_for_sipi(NULL, 0, true);
}

/* ======== INIT ======== */

static void spin_forever(void *data)
{
	for (;;)
		pause();
}

static void call_once(void *data)
{
	l2_call(1);
}

/* A broken hypervisor resets L1's or L2's CPU, or loses the INIT in a migration. */
TEST(init_exits, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about = "an INIT from another CPU makes a running L2 exit, once, after a migration in L2")
{
	struct waker waker = { .send = send_init };
	struct l2 *l2 = event_l2_new(spin_forever, NULL);

	sleep_until_woken(l2, &waker);
	exit_came(l2, EXIT_REASON_INIT_SIGNAL, "running");
	irq_enable();
	l2_start(l2, call_once, NULL);
	expect_call(l2, 1, "nothing is left");
	event_l2_free(l2);
}

static void send_init_to(void *data)
{
	send_init(*(int *)data);
}

/* INIT is blocked in VMX root operation, but not after the VM entry (24.8). */
TEST(init_pending, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about =
	     "an INIT that is pending in L1 survives a migration, and makes L2 exit once, at the VM entry")
{
	struct l2 *l2 = event_l2_new(call_once, NULL);
	u64 rip = vmx_get(l2, GUEST_RIP);
	int cpu = smp_id();

	if (!broken("other"))
		on_cpu(other_cpu(), send_init_to, &cpu);
	migrate_quiet();
	expect_exit(l2, EXIT_REASON_INIT_SIGNAL, "INIT is pending");
	check_rip(l2, (void *)rip, "no instruction of L2 ran");
	expect_call(l2, 1, "nothing is left");
	expect_end(l2);
	event_l2_free(l2);
}

static const struct init_holder root_operation = { vmx_enable, vmx_disable, "in VMX root operation",
						   "VMXOFF" };

TEST(init_waits_for_vmxoff, .needs = ALL_OF(VMX, SMP),
     .about =
	     "an INIT that is sent to a CPU in VMX root operation waits through a migration, and stops the CPU after VMXOFF")
{
	check_held_init(&root_operation);
}
