// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What L1's local APIC sends while an L2 on SVM is migrated: interrupts, its timer and NMIs (15.13,
 * 15.21.1); and what holds them back: RFLAGS.IF of L1 or L2, the task priority, a running NMI
 * handler. See svm_event.c for the manual.
 *
 * A broken hypervisor delivers to L1 what is L2's, or the other way round; takes one side's IF or
 * task priority for the other's; or forgets what was pending.
 *
 * On the command line: break=lost sends no NMIs.
 */
#include "libcflat.h"
#include "apic.h"
#include "x86/nested/interrupts.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "x86/svm_event/svm_event.h"

/* ======== interrupts of L1's local APIC ======== */

static void pend_behind_if(void *data)
{
	irq_disable();
	pend(LOW_VECTOR);
	migrate_quiet();
	l2_call(1);
	irq_enable();
	await_seen();
	l2_call(2);
}

/*
 * A broken hypervisor forgets the interrupt that L2's IF held back, takes L1's IF for L2's, or
 * delivers to L2 what is intercepted. L1 has interrupts off, so that L2's IF alone decides.
 */
TEST(intr_behind_if_of_l2, .on = EACH_CPU, .needs = SVM,
     .about =
	     "without V_INTR_MASKING, an intercepted interrupt that L2's IF holds back exits once, when L2 sets IF after a migration")
{
	struct l2 *l2 = event_l2_new(pend_behind_if, NULL);

	seen = false;
	l2_irq_off(l2);
	svm_set_intercept(l2, INTERCEPT_INTR);
	irq_disable();
	expect_call(l2, 1, "interrupts off in L2");
	check_pending(LOW_VECTOR, "interrupts off in L2");
	expect_exit(l2, SVM_EXIT_INTR, "L2 has set IF");
	l1_got_nothing("IF of L1 is off");
	check_pending(LOW_VECTOR, "INTR does not acknowledge");
	irq_enable();
	l1_got("L1 has set IF", LOW_VECTOR);
	seen = true;
	expect_call(l2, 2, "after INTR");
	expect_end(l2);
	event_l2_free(l2);
}

/* A broken hypervisor gives L2's interrupt to L1's IDT, or to both sides. */
TEST(intr_taken_by_l2, .on = EACH_CPU, .needs = SVM,
     .about =
	     "without V_INTR_MASKING, L2 takes an interrupt that is not intercepted once, when it sets IF after a migration")
{
	struct l2 *l2 = event_l2_new(pend_behind_if, NULL);

	seen = false;
	l2_irq_off(l2);
	irq_disable();
	expect_call(l2, 1, "interrupts off in L2");
	check_pending(LOW_VECTOR, "interrupts off in L2");
	expect_event(l2, LOW_VECTOR, NO_CODE, ANYWHERE, "L2 has set IF");
	report(last_event_frame()->rflags & X86_EFLAGS_IF, "taken with IF set: rflags 0x%lx",
	       last_event_frame()->rflags);
	report(apic_read_bit(APIC_ISR, LOW_VECTOR) && !vector_is_pending(LOW_VECTOR),
	       "it is in service in the local APIC, and no longer pending");
	eoi();
	seen = true;
	expect_call(l2, 2, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

static void pend_under_host_if(void *data)
{
	pend(LOW_VECTOR);
	migrate_quiet();
	report(vector_is_pending(LOW_VECTOR),
	       "L2, with IF set, is not interrupted: vector 0x%x is pending", LOW_VECTOR);
	l2_call(1);
}

/* With V_INTR_MASKING, L1's IF decides. A broken hypervisor looks at L2's. */
TEST(intr_behind_if_of_l1, .on = EACH_CPU, .needs = SVM,
     .about =
	     "with V_INTR_MASKING, an interrupt that L1's IF holds back waits for L1 while L2 runs and is migrated")
{
	struct l2 *l2 = event_l2_new(pend_under_host_if, NULL);

	svm_set_intercept(l2, INTERCEPT_INTR);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	irq_disable();
	expect_call(l2, 1, "IF set in L2, clear in L1");
	expect_end(l2);
	l1_got_nothing("IF of L1 is off");
	check_pending(LOW_VECTOR, "IF of L1 is off");
	irq_enable();
	l1_got("L1 has set IF", LOW_VECTOR);
	event_l2_free(l2);
}

/*
 * If an exit does not clear GIF, or GIF is set after the migration, the interrupt comes between
 * #VMEXIT and STGI. VMRUN with the interrupt pending must not get as far as L2's first instruction.
 */
TEST(intr_pending_at_vmrun, .on = EACH_CPU, .needs = SVM,
     .about =
	     "an interrupt stays pending through a migration between #VMEXIT(INTR) and STGI: each VMRUN exits, and L1 takes it after STGI")
{
	struct l2 *l2 = event_l2_new(call_once, NULL);
	u64 rip = l2->vmcb->save.rip;

	svm_set_intercept(l2, INTERCEPT_INTR);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	clgi();
	pend(LOW_VECTOR);
	svm_enter_gif_clear(l2);
	exit_came(l2, SVM_EXIT_INTR, "VMRUN with an interrupt pending");
	migrate_quiet();
	check_pending(LOW_VECTOR, "between #VMEXIT and STGI");
	report(!l1_count(), "L1 gets no interrupt before STGI (%u)", l1_count());
	svm_enter_gif_clear(l2);
	exit_came(l2, SVM_EXIT_INTR, "VMRUN again");
	check_rip(l2, (void *)rip, "no instruction of L2 ran");
	stgi();
	l1_got("after STGI", LOW_VECTOR);
	expect_call(l2, 1, "nothing pending");
	expect_end(l2);
	event_l2_free(l2);
}

/* L2 starts the timer, so that it cannot expire before L2 runs, however slow the host is. */
static u32 timer_count;

static void run_with_timer(void *data)
{
	apic_start_timer(timer_count);
	migrate_quiet();
	await_seen();
	l2_call(1);
}

static void run_after_timer(void *data)
{
	apic_start_timer(1000);
	await_seen();
	migrate_quiet();
	delay_us(EVENT_SILENCE_US);
	l2_call(1);
}

static void timer_of_l1(void (*code)(void *data), bool keep)
{
	struct l2 *l2 = event_l2_new(code, NULL);
	int exits = 0;

	seen = false;
	if (keep)
		l1_keep_timer();
	svm_set_intercept(l2, INTERCEPT_INTR);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	apic_setup_timer(TIMER_VECTOR, APIC_LVT_TIMER_ONESHOT);
	timer_count = apic_timer_hz() / 20;
	/*
	 * The timer may expire while L2 asks for the migration, so nothing may be printed before
	 * L2's call.
	 */
	while (l2_enter(l2) == SVM_EXIT_INTR && exits < 100) {
		exits++;
		seen = l1_count();
	}
	call_came(l2, 1, "the timer has expired");
	report(exits == 1, "%d exits INTR", exits);
	l1_got("one timer", TIMER_VECTOR);
	expect_end(l2);
	apic_cleanup_timer();
	event_l2_free(l2);
}

/* A broken hypervisor loses L1's timer while L2 runs, or gives its interrupt to L2. */
TEST(timer_of_l1, .on = EACH_CPU, .needs = SVM,
     .about =
	     "L1's one-shot APIC timer that expires in or after a migration in L2 ends L2 with exit INTR, once")
{
	timer_of_l1(run_with_timer, false);
}

/* A broken hypervisor arms a timer by its initial count though the current count is 0. */
TEST(timer_fires_once, .on = EACH_CPU, .needs = SVM,
     .about =
	     "L1's one-shot APIC timer that has fired before a migration in L2 does not fire after it")
{
	timer_of_l1(run_after_timer, true);
}

/* ======== TPR and CR8 ======== */

#define L1_CR8 2
#define V_TPR  5
#define L2_CR8 7

/* DATA points to whether V_INTR_MASKING is on. */
static void change_cr8(void *data)
{
	bool masked = *(const bool *)data;
	u64 was = masked ? V_TPR : L1_CR8, tpr = (masked ? L1_CR8 : L2_CR8) << 4;
	u64 is = read_cr8();

	report(is == was, "L2's CR8 is %s: %lu, should be %lu", masked ? "V_TPR" : "L1's", is, was);
	write_cr8(L2_CR8);
	migrate_quiet();
	is = read_cr8();
	report(is == L2_CR8, "L2's CR8 after the migration: %lu, was %u", is, L2_CR8);
	is = apic_get_tpr();
	report(is == tpr, "the local APIC's TPR after the migration: 0x%lx, should be 0x%lx", is,
	       tpr);
	l2_call(1);
}

static void tpr_in_l2(bool masked)
{
	struct l2 *l2 = event_l2_new(change_cr8, &masked);
	u64 after = masked ? L1_CR8 : L2_CR8;

	if (masked)
		l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK | V_TPR;
	write_cr8(L1_CR8);
	expect_call(l2, 1, "L2 has changed CR8");
	if (masked)
		report((l2->vmcb->control.v_intr & V_TPR_MASK) == L2_CR8,
		       "V_TPR is %lu, should be %u", l2->vmcb->control.v_intr & V_TPR_MASK, L2_CR8);
	report(read_cr8() == after, "L1's CR8 is %lu, should be %lu", read_cr8(), after);
	expect_end(l2);
	report(read_cr8() == after, "L1's CR8 at L2's end is %lu, should be %lu", read_cr8(),
	       after);
	write_cr8(0);
	event_l2_free(l2);
}

/* A broken hypervisor takes one TPR for the other when it saves the guest in L2. */
TEST(tpr_two, .on = EACH_CPU, .needs = SVM,
     .about =
	     "with V_INTR_MASKING, L2's CR8 is V_TPR and L1's TPR is another, through a migration in L2")
{
	tpr_in_l2(true);
}

/* A broken hypervisor always gives L2 a TPR of its own. */
TEST(tpr_shared, .on = EACH_CPU, .needs = SVM,
     .about =
	     "without V_INTR_MASKING, L2's CR8 is the TPR of the local APIC, through a migration in L2")
{
	tpr_in_l2(false);
}

static void pend_behind_tpr(void *data)
{
	pend(LOW_VECTOR);
	migrate_quiet();
	report(vector_is_pending(LOW_VECTOR),
	       "held back by L1's TPR, vector 0x%x is pending, though V_TPR is 0", LOW_VECTOR);
	write_cr8(15);
	l2_call(1);
	apic_send_self_ipi(HIGH_VECTOR);
	await_seen();
	l2_call(2);
}

/* A broken hypervisor looks at V_TPR for interrupts of the local APIC, or never at L1's TPR. */
TEST(tpr_of_l1_holds, .on = EACH_CPU, .needs = SVM,
     .about =
	     "with V_INTR_MASKING, L1's TPR and not V_TPR decides which interrupts exit L2, through a migration in L2")
{
	struct l2 *l2 = event_l2_new(pend_behind_tpr, NULL);

	seen = false;
	svm_set_intercept(l2, INTERCEPT_INTR);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	write_cr8(VECTOR_CLASS(LOW_VECTOR));
	expect_call(l2, 1, "an interrupt held back by L1's TPR");
	l1_got_nothing("held back by the TPR");
	expect_exit(l2, SVM_EXIT_INTR, "a higher one, V_TPR is 15");
	l1_got("the higher one", HIGH_VECTOR);
	seen = true;
	expect_call(l2, 2, "the lower one waits");
	check_pending(LOW_VECTOR, "held back by the TPR");
	expect_end(l2);
	write_cr8(0);
	l1_got("the TPR is 0", LOW_VECTOR);
	event_l2_free(l2);
}

/* ======== NMIs ======== */

static void send_nmi_to_self(void *data)
{
	send_nmi();
	await_seen();
	l2_call(1);
}

/*
 * A broken hypervisor forgets an NMI that waits for STGI, delivers it before STGI, or drops it
 * after the exit that reports it.
 */
TEST(nmi_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "L1 gets an NMI after STGI, once, after a migration between #VMEXIT(NMI) and STGI")
{
	struct l2 *l2 = event_l2_new(send_nmi_to_self, NULL);

	seen = false;
	svm_set_intercept(l2, INTERCEPT_NMI);
	clgi();
	svm_enter_gif_clear(l2);
	exit_came(l2, SVM_EXIT_NMI, "L2 has sent an NMI");
	migrate_quiet();
	report(!l1_count(), "L1 gets no NMI before STGI (%u)", l1_count());
	stgi();
	l1_got("after STGI", NMI_VECTOR);
	seen = true;
	expect_call(l2, 1, "nothing is left");
	expect_end(l2);
	event_l2_free(l2);
}

/* A broken hypervisor unblocks NMIs at the exit for IRET, before the IRET is executed. */
TEST(nmi_iret_intercepted, .on = EACH_CPU, .needs = SVM,
     .about =
	     "a second NMI comes after L2's IRET, once, after a migration at the first one's exit for IRET")
{
	struct l2 *l2 = new_l2_with_two_nmis(false);
	const u8 *iret;

	svm_set_intercept(l2, INTERCEPT_IRET);
	clgi();
	svm_enter_gif_clear(l2);
	exit_came(l2, SVM_EXIT_IRET, "the end of the NMI handler");
	iret = (const u8 *)l2->vmcb->save.rip;
	report(l2->vmcb->control.exitcode == SVM_EXIT_IRET && iret[0] == 0x48 && iret[1] == 0xcf,
	       "L2's RIP 0x%lx is at IRET", l2->vmcb->save.rip);
	migrate_quiet();
	report(nmis_begun() == 1 && !l1_count(),
	       "the second NMI does not come before IRET (%u in L2, %u in L1)", nmis_begun(),
	       l1_count());
	svm_clear_intercept(l2, INTERCEPT_IRET);
	svm_enter_gif_clear(l2);
	call_came(l2, 1, "two NMIs");
	stgi();
	check_two_nmis();
	expect_end(l2);
	event_l2_free(l2);
}
