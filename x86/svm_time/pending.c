// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L1's APIC timer has expired and its interrupt is pending when L2 is migrated: held back by GIF
 * (15.17) or by L2's RFLAGS.IF (15.21.1).
 */
#include "libcflat.h"
#include "apic.h"
#include "processor.h"
#include "x86/svm_time/svm_time.h"

static bool is_requested(void)
{
	return apic_read_bit(APIC_IRR, TIMER_VECTOR);
}

static void count_start(void *data)
{
	(*(volatile u32 *)data)++;
	l2_call(HERE);
}

/*
 * Between CLGI and VMRUN a hypervisor looks a last time for work. An interrupt that comes there is
 * recognized when VMRUN sets GIF, before L2's first instruction. A broken hypervisor loses it in
 * the migration, or runs L2 first.
 */
TEST(expired_under_clgi, .on = EACH_CPU, .needs = SVM,
     .about =
	     "an APIC timer that expires while GIF is clear makes L2 exit before its first instruction, after a migration before VMRUN")
{
	u32 starts = 0;
	struct l2 *l2 = l2_new(count_start, &starts);
	u64 rip = l2->vmcb->save.rip;
	struct arming arming = { .mode = APIC_LVT_TIMER_ONESHOT, .ns = NS_PER_MS };
	bool requested, still;
	u32 early;

	set_route(l2, TO_L1);
	begin_ticks(l2);
	arm_timer(&arming);
	requested = wait_until(is_requested(), PATIENCE_MS);
	be_migrated();
	still = is_requested();
	early = ticks_so_far();
	l2_enter(l2);
	report(requested && still && !early,
	       "while GIF was clear, the interrupt was requested (%d, after the migration %d) and not taken (%u times)",
	       requested, still, early);
	report(l2->vmcb->control.exitcode == SVM_EXIT_INTR && l2->vmcb->save.rip == rip && !starts,
	       "VMRUN ended with INTR at L2's first instruction, 0x%lx: exit %s", rip,
	       l2_exit_text(l2));
	check_places(TO_L1, l2->vmcb->control.exitcode == SVM_EXIT_INTR, 1, 1);
	run_to_call(l2);
	report(starts == 1, "then L2 ran once (%u times)", starts);
	end_ticks();
	l2_free(l2);
}

struct held {
	bool requested, still;
	u32 early, after;
};

static void hold_and_be_migrated(void *data)
{
	struct held *held = data;

	irq_disable();
	held->requested = wait_until(is_requested(), PATIENCE_MS);
	be_migrated();
	held->still = is_requested();
	held->early = ticks_so_far();
	irq_enable();
	held->after = ticks_so_far();
	delay_us(LINGER_US);
	l2_call(HERE);
}

/*
 * Without V_INTR_MASKING, L2's IF holds back L1's interrupt, intercepted or not (15.21.1). A
 * hypervisor that asks, right after it has restored the local APIC, whether the interrupt can be
 * delivered may take L1's IF for L2's.
 */
static void held_up(enum route route)
{
	struct held held = { 0 };
	struct l2 *l2 = l2_new(hold_and_be_migrated, &held);
	struct arming arming = { .mode = APIC_LVT_TIMER_ONESHOT, .ns = NS_PER_MS };
	u32 exits;

	set_route(l2, route);
	l2->vmcb->save.rflags &= ~X86_EFLAGS_IF;
	begin_ticks(l2);
	arm_timer(&arming);
	exits = run_to_call(l2);
	report(held.requested && held.still && !held.early,
	       "while L2 had interrupts off, the timer's interrupt was requested (%d, after the migration %d) and not taken (%u times)",
	       held.requested, held.still, held.early);
	report(held.after == 1, "STI let the interrupt in at once (%u times)", held.after);
	check_places(route, exits, 1, 1);
	end_ticks();
	l2_free(l2);
}

TEST(held_up_intercepted, .on = EACH_CPU, .needs = SVM,
     .about =
	     "an APIC timer that expires while L2 has interrupts off makes L2 exit at its STI, once, after a migration in L2")
{
	held_up(TO_L1);
}

TEST(held_up_not_intercepted, .on = EACH_CPU, .needs = SVM,
     .about =
	     "an APIC timer that expires while L2 has interrupts off, if not intercepted, interrupts L2 after its STI, once, after a migration in L2")
{
	held_up(TO_L2);
}
