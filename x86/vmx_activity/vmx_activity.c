// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Activity states of nested guests on VMX while they are moved: an L2 that is halted, shut down or
 * waits for a SIPI is so on the other side, too, until what wakes it comes; and INIT, which is
 * for L1.
 *
 * The truth: Intel SDM volume 3: 25.4.2 (activity states), 26.2 (what exits, and what is blocked
 * in which state), 26.5.1 (the VMX-preemption timer), 27.7.2 (entries to inactive states), 28.1
 * and 28.3.4 (the state that an exit saves), 24.8 (INIT in VMX operation).
 *
 * A broken hypervisor saves an L2 that sleeps as one that runs, and so wakes it for nothing;
 * restores it as a sleeping L1, and never wakes it, or wakes L1; forgets the timer or the INIT
 * that was running or waiting; or lets an event in that the state blocks.
 *
 * How the tests see it: L2 has nothing to do but to sleep, so that the move comes while it does;
 * what wakes it is its next exit, or its next event (l2-event.h). With one CPU, timers wake
 * it again and again, until the move is over; with two, the other one moves the machine, wakes
 * L2, and sees to it that the test ends.
 *
 * Late is no failure short of a deadline. A wake-up that is not wanted is seen only if it shows:
 * by an exit, by an instruction of L2, or by an activity state.
 *
 * On the command line: break=WHAT, to spoil a test on purpose:
 *
 * awake  L2 does not sleep
 * early  timers are set for half of their time, and other CPUs send before the move
 * other  what wakes L2 is not what should
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

/* adjtimex(2) slews a host's timers by up to 500 ppm, and the TSC not. */
#define SLEW_PPM 1000

#define NAP_MS 20
/* A host that is so late that this is not enough to fall asleep in is taken for broken. */
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

/* L2 at RIP, in this state. */
static struct l2 *new_sleeper(void (*rip)(void), u32 state)
{
	struct l2 *l2 = event_l2_new(NULL, NULL);

	vmx_set(l2, GUEST_RIP, (u64)rip);
	l2_irq_off(l2);
	vmx_set(l2, GUEST_ACTIVITY_STATE, broken("awake") ? GUEST_ACTIVITY_ACTIVE : state);
	return l2;
}

/* It is awake, and goes on. */
static void end_sleeper(struct l2 *l2, const void *rip)
{
	check_rip(l2, rip, "asleep");
	vmx_clear_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_VMX_PREEMPTION_TIMER);
	vmx_set(l2, GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	vmx_set(l2, GUEST_RIP, (u64)run_and_call);
	expect_call(l2, 1, "awake");
	event_l2_free(l2);
}

/* ======== timers, again and again until the move is over ======== */

/* How L2 sleeps, by which timer it is woken, and what has gone wrong. */
struct naps {
	struct l2 *l2;
	unsigned rate; /* of the preemption timer */
	u64 rip;       /* where it sleeps */
	u32 state;     /* in which it sleeps */
	bool taken;    /* by L2, not an exit */
	u64 ms;	       /* of the next one */
	u32 done;
	char failed[300];
};

/* Timers that are never early, however the TSC of the host's clock and the guest's differ. */
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
	report(!naps->failed[0], "%u naps while it was moved%s%s", naps->done,
	       naps->failed[0] ? ": " : "", naps->failed);
}

/* A hypervisor whose timer counts in running guests only, or that forgets the state. */
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
     .about = "entered halted and moved, L2 sleeps until the preemption timer exits, not before "
	      "its time, and is still halted")
{
	sleep_by_preemption_timer(run_and_call, run_and_call, GUEST_ACTIVITY_HLT,
				  GUEST_ACTIVITY_HLT);
}

TEST(preemption_timer_halted, .on = EACH_CPU, .needs = VMX_PREEMPTION_TIMER,
     .about = "the same of an L2 that has halted itself")
{
	sleep_by_preemption_timer(halt_forever, behind_hlt, GUEST_ACTIVITY_ACTIVE,
				  GUEST_ACTIVITY_HLT);
}

TEST(preemption_timer_shutdown, .on = EACH_CPU,
     .needs = ALL_OF(VMX_PREEMPTION_TIMER, VMX_ACTIVITY_SHUTDOWN),
     .about = "entered in shutdown and moved, L2 stays there until the preemption timer exits")
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
	bool good, late; /* the timer came before L2 has executed HLT */

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
	/* Whoever should have got it: L2's handlers acknowledge nothing. */
	if (event_of(naps->l2) != NO_EVENT) {
		eoi();
		leave_event(naps->l2);
	}
}

/* A hypervisor that wakes L1 instead of L2, or knows of no interrupt for one that sleeps. */
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
     .about = "halted and moved, L2 sleeps until L1's timer, which makes it exit, once")
{
	sleep_by_apic_timer(false);
}

TEST(apic_timer_taken, .on = EACH_CPU, .needs = ALL_OF(VMX, TSC_DEADLINE),
     .about = "halted and moved, L2 sleeps until the timer that it takes itself, once")
{
	sleep_by_apic_timer(true);
}

/* ======== what does not sleep ======== */

/* A hypervisor that sleeps first; the preemption timer ends the test then. */
static void forbid_sleep(struct l2 *l2)
{
	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_VMX_PREEMPTION_TIMER);
	vmx_set(l2, VMX_PREEMPTION_TIMER_VALUE,
		cycles_of_ms(EVENT_PATIENCE_MS) >>
			VMX_MISC_PREEMPTION_TIMER_RATE(rdmsr(MSR_IA32_VMX_MISC)));
}

TEST(hlt_injected, .on = EACH_CPU, .needs = ALL_OF(VMX_PREEMPTION_TIMER, VMX_ACTIVITY_HLT),
     .about = "an event injected with the activity state HLT, moved before, wakes L2, which then "
	      "is active")
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
     .about = "entered halted with IF set, moved before, an interrupt window exits at once")
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
     .about = "entered halted, moved before, an NMI window exits at once")
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

/* ======== woken by another CPU: l2-wake.h ======== */

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

/* Enters L2, which sleeps; what has woken it is its next exit. L1 has interrupts off. */
static void sleep_until_woken(struct l2 *l2, struct waker *waker)
{
	wake_after_move(waker);
	irq_disable();
	waker->sleeping = 1;
	l2_enter(l2);
	waker->exits = 1;
	check_wake(waker);
}

/* Woken by what L1 wants. The state that the exit saves is asked of an interrupt and INIT. */
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

/* Woken by what L2 takes. */
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
     .about = "L2 halted in a move sleeps on; an IPI that is L1's wakes it by an exit, once")
{
	wake_by_exit(PIN_BASED_EXT_INTR_MASK, EXIT_REASON_EXTERNAL_INTERRUPT, send_low, LOW_VECTOR);
}

TEST(intr_taken, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about = "L2 halted in a move sleeps on; an IPI that it takes wakes it, once")
{
	wake_by_event(send_low, LOW_VECTOR);
}

TEST(nmi_exits, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about = "L2 halted in a move sleeps on; an NMI that is L1's wakes it by an exit, once")
{
	wake_by_exit(PIN_BASED_NMI_EXITING, EXIT_REASON_EXCEPTION_NMI, apic_send_nmi, NMI_VECTOR);
}

/* Were it active, L1's next entry would wake L2 for nothing (28.1). */
TEST(nmi_exits_halted, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about = "an L2 that is halted is still halted behind the exit for an NMI")
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
     .about = "L2 halted in a move sleeps on; an NMI that it takes wakes it, once")
{
	wake_by_event(apic_send_nmi, NMI_VECTOR);
}

TEST(init_exits_halted, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about = "L2 halted in a move sleeps on; INIT wakes it by an exit, once")
{
	wake_by_exit(0, EXIT_REASON_INIT_SIGNAL, send_init, 0);
}

/* ======== wait-for-SIPI ======== */

/* In this state nothing wakes it but a SIPI; what is for L1 waits for the exit (26.2). */
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
     .about = "entered in wait-for-SIPI and moved, L2 waits for the SIPI, which exits with its "
	      "vector")
{
	wait_for_sipi(NULL, 0, false);
}

TEST(wait_for_sipi_intr, .on = EACH_CPU, .needs = ALL_OF(VMX_ACTIVITY_WAIT_SIPI, SMP),
     .about = "in wait-for-SIPI an interrupt does not exit; L1 gets it after the SIPI")
{
	wait_for_sipi(send_low, LOW_VECTOR, false);
}

TEST(wait_for_sipi_nmi, .on = EACH_CPU, .needs = ALL_OF(VMX_ACTIVITY_WAIT_SIPI, SMP),
     .about = "in wait-for-SIPI an NMI does not exit; L1 gets it after the SIPI")
{
	wait_for_sipi(apic_send_nmi, NMI_VECTOR, false);
}

/* "The timer does not cause a VM exit if it counts down to zero in the wait-for-SIPI state." */
TEST(wait_for_sipi_timer, .on = EACH_CPU,
     .needs = ALL_OF(VMX_ACTIVITY_WAIT_SIPI, VMX_PREEMPTION_TIMER, SMP),
     .about = "in wait-for-SIPI the preemption timer does not exit")
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

/* A hypervisor that resets the CPU under L1, or L2's; or for which an INIT is lost in a move. */
TEST(init_exits, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about = "L2 is moved at any instruction; an INIT from another CPU exits it, once")
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

/* In VMX root operation INIT is blocked (24.8); behind the entry it is not. */
TEST(init_pending, .on = EACH_CPU, .needs = ALL_OF(VMX, SMP),
     .about = "an INIT that comes to L1 and is moved there waits for the entry, and exits, once")
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
