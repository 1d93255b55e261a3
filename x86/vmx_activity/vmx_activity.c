// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Activity states of nested guests on VMX across a migration: an L2 that is halted, in shutdown or
 * waits for a SIPI stays so on the destination until something wakes it. And INIT, which is for
 * L1.
 *
 * Intel SDM volume 3: 25.4.2 (activity states), 26.2 (what exits, and what is blocked in which
 * state), 26.5.1 (the VMX-preemption timer), 27.7.2 (entries to inactive states), 28.1 and 28.3.4
 * (the state that an exit saves), 24.8 (INIT in VMX operation).
 *
 * A broken hypervisor saves a sleeping L2 as a running one, and so wakes it for nothing. It
 * restores L2 as a sleeping L1, and never wakes it, or wakes L1. It forgets a timer that is
 * running, or an INIT that is pending. Or it lets in an event that the state blocks.
 *
 * L2 does nothing but sleep, so that the migration comes while it sleeps. What wakes it is its
 * next exit or its next event (nested/l2-event.h). In tests with one CPU, timers wake L2 again and
 * again until the migration is over. In tests with two CPUs, the other CPU asks for the migration,
 * wakes L2, and makes sure that the test ends.
 *
 * A wake-up that is late is no failure before the deadline. The tests see an unwanted wake-up only
 * by an exit, an instruction of L2 or its activity state.
 *
 * break=WHAT on the command line spoils a test on purpose:
 *
 * awake  L2 does not sleep
 * early  timers are set for half of their time, and other CPUs send before the migration
 * other  something else wakes L2 than what should
 */
#include "libcflat.h"
#include "apic.h"
#include "x86/nested/wake.h"
#include "muldiv.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "nested/vmx/vmx-event.h"

#define NS_PER_MS     1000000ul
#define NS_PER_SECOND 1000000000ul

/* adjtimex(2) slews a host's timers by up to 500 ppm, but not the TSC. */
#define SLEW_PPM 1000

#define NAP_MS 20
/* L2 must have fallen asleep before a timer of this length comes, even on a very slow host. */
#define MOST_NAP_MS 10000
#define SIPI_VECTOR 0x9a

static u64 cycles_of_ms(u64 ms)
{
	return mul_div(tsc_hz(), ms * NS_PER_MS, NS_PER_SECOND);
}

L2_CODE(halt_forever, (void),
	"1:	hlt\n"
	"behind_hlt:\n"
	"	jmp 1b\n");
extern char behind_hlt[];

L2_CODE(run_and_call, (void),
	"	nop\n"
	"	mov $1, %eax\n"
	"	vmcall\n");

/* An L2 that begins at RIP in an activity state. */
static struct l2 *new_sleeper(void (*rip)(void), u32 state)
{
	struct l2 *l2 = event_l2_new(NULL, NULL);

	vmx_set(l2, GUEST_RIP, (u64)rip);
	l2_irq_off(l2);
	vmx_set(l2, GUEST_ACTIVITY_STATE, broken("awake") ? GUEST_ACTIVITY_ACTIVE : state);
	return l2;
}

/* Checks that L2 slept until now, wakes it, and lets it make its call. */
static void end_sleeper(struct l2 *l2, const void *rip)
{
	check_rip(l2, rip, "asleep");
	vmx_clear_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_VMX_PREEMPTION_TIMER);
	vmx_set(l2, GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	vmx_set(l2, GUEST_RIP, (u64)run_and_call);
	expect_call(l2, 1, "awake");
	event_l2_free(l2);
}

/* ======== timers, again and again until the migration is over ======== */

/* How L2 sleeps, by which timer it is woken, and what has gone wrong. */
struct naps {
	struct l2 *l2;
	unsigned rate; /* of the preemption timer, as in IA32_VMX_MISC */
	u64 rip;       /* where it sleeps */
	u32 state;     /* in which it sleeps */
	bool taken;    /* L2 takes the interrupt, and does not exit */
	u64 ms;	       /* the length of the next nap */
	u32 done;
	char failed[300];
};

/*
 * The shortest time that a nap may take, given how the host's clock and the guest's TSC may differ.
 */
static u64 least(u64 cycles)
{
	return cycles - cycles / 1000000 * SLEW_PPM;
}

static void check_nap(struct naps *naps, bool good, u64 cycles, u64 wanted)
{
	u64 state = vmx_get(naps->l2, GUEST_ACTIVITY_STATE);

	naps->done++;
	if (good && cycles >= least(wanted) && (naps->taken || state == naps->state))
		return;
	snprintf(naps->failed, sizeof(naps->failed),
		 "nap %u took %lu cycles of %lu, activity state %lu, L1 got %u events: %s",
		 naps->done, cycles, wanted, state, l1_count(), what_came(naps->l2));
}

static void nap_by_preemption_timer(void *data)
{
	struct naps *naps = data;
	u64 counts = cycles_of_ms(NAP_MS) >> naps->rate, start;

	if (naps->failed[0])
		return;
	vmx_set(naps->l2, VMX_PREEMPTION_TIMER_VALUE, counts / (broken("early") ? 2 : 1));
	start = rdtsc_ordered();
	l2_enter(naps->l2);
	check_nap(naps,
		  naps->l2->exit_reason == EXIT_REASON_PREEMPTION_TIMER &&
			  vmx_get(naps->l2, GUEST_RIP) == naps->rip,
		  rdtsc_ordered() - start, (counts - 1) << naps->rate);
}

static void check_naps(const struct naps *naps)
{
	report(!naps->failed[0], "%u naps of L2 during a migration%s%s", naps->done,
	       naps->failed[0] ? ": " : "", naps->failed);
}

/* A broken hypervisor counts the timer only while L2 runs, or loses the activity state. */
static void sleep_by_preemption_timer(void (*code)(void), const void *rip, u32 before, u32 state)
{
	struct naps naps = { .rip = (u64)rip, .state = state };

	naps.l2 = new_sleeper(code, before);
	naps.rate = VMX_MISC_PREEMPTION_TIMER_RATE(rdmsr(MSR_IA32_VMX_MISC));
	if (!broken("other"))
		vmx_set_controls(naps.l2, PIN_BASED_VM_EXEC_CONTROL,
				 PIN_BASED_VMX_PREEMPTION_TIMER);
	move_during(nap_by_preemption_timer, &naps);
	nap_by_preemption_timer(&naps);
	check_naps(&naps);
	end_sleeper(naps.l2, rip);
}

TEST(preemption_timer_hlt, .on = EACH_CPU, .needs = ALL_OF(VMX_PREEMPTION_TIMER, VMX_ACTIVITY_HLT),
     .about =
	     "an L2 entered in HLT state survives a migration asleep, until the preemption timer exits in time")
{
	sleep_by_preemption_timer(run_and_call, run_and_call, GUEST_ACTIVITY_HLT,
				  GUEST_ACTIVITY_HLT);
}

TEST(preemption_timer_halted, .on = EACH_CPU, .needs = VMX_PREEMPTION_TIMER,
     .about =
	     "an L2 that has executed HLT survives a migration asleep, until the preemption timer exits in time")
{
	sleep_by_preemption_timer(halt_forever, behind_hlt, GUEST_ACTIVITY_ACTIVE,
				  GUEST_ACTIVITY_HLT);
}

TEST(preemption_timer_shutdown, .on = EACH_CPU,
     .needs = ALL_OF(VMX_PREEMPTION_TIMER, VMX_ACTIVITY_SHUTDOWN),
     .about =
	     "an L2 entered in shutdown state survives a migration so, until the preemption timer exits in time")
{
	sleep_by_preemption_timer(run_and_call, run_and_call, GUEST_ACTIVITY_SHUTDOWN,
				  GUEST_ACTIVITY_SHUTDOWN);
}

static u64 arm_apic_timer(u64 ms)
{
	return apic_arm_deadline(rdtsc() + cycles_of_ms(ms) / (broken("early") ? 2 : 1));
}

static void nap_by_apic_timer(void *data)
{
	struct naps *naps = data;
	u64 start, due, end, rip = 0;
	bool good, late; /* late: the timer came before L2 executed HLT */

	if (naps->failed[0])
		return;
	start = rdtsc_ordered();
	due = arm_apic_timer(naps->ms) + (broken("early") ? cycles_of_ms(naps->ms) / 2 : 0);
	l2_enter(naps->l2);
	end = rdtsc_ordered();
	if (naps->taken) {
		good = is_event(naps->l2, TIMER_VECTOR, NO_CODE, ANYWHERE);
		if (good)
			rip = event_frame_of(naps->l2)->rip;
	} else {
		good = naps->l2->exit_reason == EXIT_REASON_EXTERNAL_INTERRUPT;
		rip = vmx_get(naps->l2, GUEST_RIP);
	}
	late = rip == (u64)halt_forever && end >= due && naps->ms < MOST_NAP_MS;
	good &= (late || rip == naps->rip) && !l1_count();
	if (!naps->taken) {
		irq_enable();
		good &= wait_until(l1_count() == 1, EVENT_PATIENCE_MS);
		irq_disable();
	}
	if (late && good)
		naps->ms *= 2;
	else
		check_nap(naps, good, end - start, due - start);
	l1_forget();
	/* If L2 got an event, even a wrong one, L1 sends the EOI: L2's handlers do not. */
	if (event_of(naps->l2) != NO_EVENT) {
		eoi();
		leave_event(naps->l2);
	}
}

/* A broken hypervisor wakes L1 instead of L2, or loses interrupts for an L2 that sleeps. */
static void sleep_by_apic_timer(bool taken)
{
	struct naps naps = {
		.rip = (u64)behind_hlt,
		.state = GUEST_ACTIVITY_HLT,
		.taken = taken,
		.ms = NAP_MS,
	};

	naps.l2 = new_sleeper(broken("awake") ? run_and_call : halt_forever, GUEST_ACTIVITY_ACTIVE);
	vmx_set(naps.l2, GUEST_RFLAGS, vmx_get(naps.l2, GUEST_RFLAGS) | X86_EFLAGS_IF);
	if (taken == broken("other"))
		vmx_set_controls(naps.l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_EXT_INTR_MASK);
	apic_setup_timer(TIMER_VECTOR, APIC_LVT_TIMER_TSCDEADLINE);
	irq_disable();
	move_during(nap_by_apic_timer, &naps);
	for (u32 done = naps.done; naps.done == done && !naps.failed[0];)
		nap_by_apic_timer(&naps);
	check_naps(&naps);
	apic_cleanup_timer();
	irq_enable();
	if (taken)
		event_l2_free(naps.l2);
	else
		end_sleeper(naps.l2, behind_hlt);
}

TEST(apic_timer_exits, .on = EACH_CPU, .needs = ALL_OF(VMX, TSC_DEADLINE),
     .about = "a halted L2 survives a migration asleep, until L1's APIC timer makes it exit, once")
{
	sleep_by_apic_timer(false);
}

TEST(apic_timer_taken, .on = EACH_CPU, .needs = ALL_OF(VMX, TSC_DEADLINE),
     .about =
	     "a halted L2 survives a migration asleep, until it takes the APIC timer's interrupt, once")
{
	sleep_by_apic_timer(true);
}

/* ======== an L2 that is entered halted, and wakes at once ======== */

/* A broken hypervisor lets L2 sleep. Then the preemption timer ends the test. */
static void forbid_sleep(struct l2 *l2)
{
	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_VMX_PREEMPTION_TIMER);
	vmx_set(l2, VMX_PREEMPTION_TIMER_VALUE,
		cycles_of_ms(EVENT_PATIENCE_MS) >>
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

/* ======== woken by another CPU: wake.h ======== */

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
	wake_after_move(waker);
	irq_disable();
	waker->sleeping = 1;
	l2_enter(l2);
	waker->exits = 1;
	check_wake(waker);
}

/*
 * Something that makes L2 exit wakes it. After an NMI the saved activity state is not checked here,
 * but in nmi_exits_halted.
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
     .about =
	     "a halted L2 survives a migration asleep, until another CPU's IPI makes it exit, once")
{
	wake_by_exit(PIN_BASED_EXT_INTR_MASK, EXIT_REASON_EXTERNAL_INTERRUPT, send_low, LOW_VECTOR);
}

TEST(intr_taken, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about = "a halted L2 survives a migration asleep, until it takes another CPU's IPI, once")
{
	wake_by_event(send_low, LOW_VECTOR);
}

TEST(nmi_exits, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about =
	     "a halted L2 survives a migration asleep, until another CPU's NMI makes it exit, once")
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
     .about = "a halted L2 survives a migration asleep, until it takes another CPU's NMI, once")
{
	wake_by_event(apic_send_nmi, NMI_VECTOR);
}

TEST(init_exits_halted, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about =
	     "a halted L2 survives a migration asleep, until another CPU's INIT makes it exit, once")
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
	     "an L2 in wait-for-SIPI survives a migration so, until the SIPI exits with its vector")
{
	wait_for_sipi(NULL, 0, false);
}

TEST(wait_for_sipi_intr, .on = EACH_CPU, .needs = ALL_OF(VMX_ACTIVITY_WAIT_SIPI, SMP),
     .about =
	     "in wait-for-SIPI, after a migration, an interrupt does not exit; L1 gets it after the SIPI")
{
	wait_for_sipi(send_low, LOW_VECTOR, false);
}

TEST(wait_for_sipi_nmi, .on = EACH_CPU, .needs = ALL_OF(VMX_ACTIVITY_WAIT_SIPI, SMP),
     .about =
	     "in wait-for-SIPI, after a migration, an NMI does not exit; L1 gets it after the SIPI")
{
	wait_for_sipi(apic_send_nmi, NMI_VECTOR, false);
}

/* 26.5.1: the timer causes no VM exit if it reaches zero in the wait-for-SIPI state. */
TEST(wait_for_sipi_timer, .on = EACH_CPU,
     .needs = ALL_OF(VMX_ACTIVITY_WAIT_SIPI, VMX_PREEMPTION_TIMER, SMP),
     .about = "in wait-for-SIPI, across a migration, the preemption timer does not exit")
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
