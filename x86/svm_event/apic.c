// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What L1's local APIC sends while an L2 on SVM is migrated: interrupts, its timer, NMIs; and what
 * holds them back: RFLAGS.IF of L1 or L2, the task priority, GIF, a running NMI handler. See
 * svm_event.c for the manual.
 *
 * A broken hypervisor delivers to L1 what is L2's or the other way round, takes the one's IF or
 * task priority for the other's, restores a guest with GIF set, or forgets what was waiting.
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
 * A hypervisor that forgets the interrupt which waited behind L2's IF, takes L1's IF
 * for L2's, or delivers to L2 what is intercepted. L1 has its interrupts off, so that it
 * sees what L2 does to them.
 */
TEST(intr_behind_if_of_l2, .on = EACH_CPU, .needs = SVM,
     .about = "without V_INTR_MASKING an intercepted interrupt exits when L2 sets IF, once")
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

/* The same interrupt for L2: one that is given to L1's IDT, or to both. */
TEST(intr_taken_by_l2, .on = EACH_CPU, .needs = SVM,
     .about = "without V_INTR_MASKING and intercept L2 takes an interrupt when it sets IF, once")
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
	       "L2, its IF set, is not interrupted: vector 0x%x is pending", LOW_VECTOR);
	l2_call(1);
}

/* A hypervisor that asks L2's IF though V_INTR_MASKING says L1's. */
TEST(intr_behind_if_of_l1, .on = EACH_CPU, .needs = SVM,
     .about = "with V_INTR_MASKING and IF of L1 clear an interrupt waits for L1 while L2 runs")
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
 * An exit after which GIF is not clear, or was not any more on the other side, lets the
 * interrupt in between #VMEXIT and STGI. An entry with the interrupt pending must not get
 * as far as L2's first instruction.
 */
TEST(intr_pending_at_vmrun, .on = EACH_CPU, .needs = SVM,
     .about = "migrated between #VMEXIT(INTR) and STGI: pending until STGI, and exits each VMRUN")
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

static void run_with_timer(void *data)
{
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
	if (!keep)
		apic_start_timer(apic_timer_hz() / 20);
	/* It may expire in the middle of the migration's conversation: no word before L2's call. */
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

/* A hypervisor that loses L1's timer while L2 runs, or gives it to L2. */
TEST(timer_of_l1, .on = EACH_CPU, .needs = SVM,
     .about = "L1's one-shot APIC timer that expires while L2 runs exits it with INTR, once")
{
	timer_of_l1(run_with_timer, false);
}

/*
 * The same where it has expired before the migration: a hypervisor that starts a timer by its
 * initial count where the current count is 0.
 */
TEST(timer_fires_once, .on = EACH_CPU, .needs = SVM,
     .about = "L1's one-shot APIC timer that has fired before the migration does not fire after it")
{
	timer_of_l1(run_after_timer, true);
}

/* ======== TPR and CR8 ======== */

#define L1_CR8 2
#define V_TPR  5
#define L2_CR8 7

/* DATA: with V_INTR_MASKING. */
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

/* A hypervisor that takes one TPR for the other when it saves the guest inside L2. */
TEST(tpr_two, .on = EACH_CPU, .needs = SVM,
     .about = "with V_INTR_MASKING L2's CR8 is V_TPR, and L1's TPR is left alone")
{
	tpr_in_l2(true);
}

/* A hypervisor that has virtual TPRs only. */
TEST(tpr_shared, .on = EACH_CPU, .needs = SVM,
     .about = "without V_INTR_MASKING L2's CR8 is the TPR of the local APIC")
{
	tpr_in_l2(false);
}

static void pend_behind_tpr(void *data)
{
	pend(LOW_VECTOR);
	migrate_quiet();
	report(vector_is_pending(LOW_VECTOR),
	       "behind L1's TPR vector 0x%x is pending, though V_TPR is 0", LOW_VECTOR);
	write_cr8(15);
	l2_call(1);
	apic_send_self_ipi(HIGH_VECTOR);
	await_seen();
	l2_call(2);
}

/* A hypervisor that asks V_TPR about interrupts of the local APIC, or L1's TPR never. */
TEST(tpr_of_l1_holds, .on = EACH_CPU, .needs = SVM,
     .about = "with V_INTR_MASKING L1's TPR decides which interrupts exit L2, V_TPR does not")
{
	struct l2 *l2 = event_l2_new(pend_behind_tpr, NULL);

	seen = false;
	svm_set_intercept(l2, INTERCEPT_INTR);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	write_cr8(VECTOR_CLASS(LOW_VECTOR));
	expect_call(l2, 1, "an interrupt behind L1's TPR");
	l1_got_nothing("behind the TPR");
	expect_exit(l2, SVM_EXIT_INTR, "a higher one, V_TPR is 15");
	l1_got("the higher one", HIGH_VECTOR);
	seen = true;
	expect_call(l2, 2, "the lower one waits");
	check_pending(LOW_VECTOR, "behind the TPR");
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
 * A hypervisor that forgets an NMI which waits for STGI, or lets it in before, or tells
 * of it by the exit and thinks it done.
 */
TEST(nmi_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "migrated between #VMEXIT(NMI) and STGI: L1 gets the NMI after STGI, once")
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

/* A hypervisor that unblocks NMIs when it tells of the IRET, before it is executed. */
TEST(nmi_iret_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "migrated at the exit IRET of L2's NMI handler: a second NMI comes after it, once")
{
	struct l2 *l2 = new_l2_with_two_nmis(false);
	const u8 *iret;

	svm_set_intercept(l2, INTERCEPT_IRET);
	clgi();
	svm_enter_gif_clear(l2);
	exit_came(l2, SVM_EXIT_IRET, "the end of the NMI handler");
	iret = (const u8 *)l2->vmcb->save.rip;
	report(l2->vmcb->control.exitcode == SVM_EXIT_IRET && iret[0] == 0x48 && iret[1] == 0xcf,
	       "L2's rip 0x%lx is at IRET", l2->vmcb->save.rip);
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
