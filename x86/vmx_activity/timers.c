// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2 sleeps until a timer wakes it, again and again until a migration is over (Intel SDM volume 3,
 * 26.5.1 for the VMX-preemption timer, 26.2 for interrupts).
 *
 * A nap that is too short, or that ends with another exit, shows that the migration has woken L2. A
 * nap that never ends shows that the migration has lost the timer.
 */
#include "libcflat.h"
#include "apic.h"
#include "clock-rate.h"
#include "cpuid.h"
#include "deadline.h"
#include "processor.h"
#include "x86/vmx_activity/vmx_activity.h"

#define NAP_MS	 20
#define ALARM_MS 5000
/* L2 must have fallen asleep before a timer of this length comes, even on a very slow host. */
#define MOST_NAP_MS 10000

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

static void check_nap(struct naps *naps, bool good, u64 cycles, u64 wanted)
{
	u64 state = vmx_get(naps->l2, GUEST_ACTIVITY_STATE);

	naps->done++;
	if (good && cycles >= less_timer_slew(wanted) && (naps->taken || state == naps->state))
		return;
	snprintf(naps->failed, sizeof(naps->failed),
		 "nap %u took %lu cycles of %lu, activity state %lu, L1 got %u events: %s",
		 naps->done, cycles, wanted, state, l1_count(), what_came(naps->l2));
}

/*
 * A hypervisor that loses the preemption timer leaves nothing that wakes L2. So the interrupt of
 * L1's own timer exits, much later; but nothing wakes an L2 in the shutdown state.
 */
static void set_alarm(void)
{
	if (this_cpu_has(X86_FEATURE_TSC_DEADLINE_TIMER))
		apic_arm_deadline(rdtsc() + cycles_of_ms(ALARM_MS * timescale()));
}

static void nap_by_preemption_timer(void *data)
{
	struct naps *naps = data;
	u64 counts = cycles_of_ms(NAP_MS) >> naps->rate, start;

	if (naps->failed[0])
		return;
	vmx_set(naps->l2, VMX_PREEMPTION_TIMER_VALUE, counts / (broken("early") ? 2 : 1));
	set_alarm();
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
	vmx_set_controls(naps.l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_EXT_INTR_MASK);
	if (this_cpu_has(X86_FEATURE_TSC_DEADLINE_TIMER))
		apic_setup_timer(TIMER_VECTOR, APIC_LVT_TIMER_TSCDEADLINE);
	irq_disable();
	move_during(nap_by_preemption_timer, &naps);
	nap_by_preemption_timer(&naps);
	check_naps(&naps);
	apic_cleanup_timer();
	irq_enable();
	l1_forget();
	vmx_clear_controls(naps.l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_EXT_INTR_MASK);
	end_sleeper(naps.l2, rip);
}

TEST(preemption_timer_hlt, .on = EACH_CPU, .needs = ALL_OF(VMX_PREEMPTION_TIMER, VMX_ACTIVITY_HLT),
     .about =
	     "an L2 entered in HLT state stays asleep through a migration, until the preemption timer makes it exit in time")
{
	sleep_by_preemption_timer(run_and_call, run_and_call, GUEST_ACTIVITY_HLT,
				  GUEST_ACTIVITY_HLT);
}

TEST(preemption_timer_halted, .on = EACH_CPU, .needs = VMX_PREEMPTION_TIMER,
     .about =
	     "an L2 that has executed HLT stays asleep through a migration, until the preemption timer makes it exit in time")
{
	sleep_by_preemption_timer(halt_forever, behind_hlt, GUEST_ACTIVITY_ACTIVE,
				  GUEST_ACTIVITY_HLT);
}

TEST(preemption_timer_shutdown, .on = EACH_CPU,
     .needs = ALL_OF(VMX_PREEMPTION_TIMER, VMX_ACTIVITY_SHUTDOWN),
     .about =
	     "an L2 entered in shutdown state stays in it through a migration, until the preemption timer makes it exit in time")
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
		good &= wait_until(l1_count() == 1, PATIENCE_MS);
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
     .about = "a halted L2 sleeps through a migration, until L1's APIC timer makes it exit, once")
{
	sleep_by_apic_timer(false);
}

TEST(apic_timer_taken, .on = EACH_CPU, .needs = ALL_OF(VMX, TSC_DEADLINE),
     .about =
	     "a halted L2 sleeps through a migration, until it takes the APIC timer's interrupt, once")
{
	sleep_by_apic_timer(true);
}
