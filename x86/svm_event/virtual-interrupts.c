// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtual interrupts (V_IRQ, 15.21.4), and what holds them back: RFLAGS.IF, V_TPR, interrupt
 * shadows. See svm_event.c.
 */
#include "libcflat.h"
#include "percpu.h"
#include "processor.h"
#include "x86/svm_event/svm_event.h"

L2_CODE(sti_nop, (void),
	"	sti\n"
	"behind_sti:\n"
	"	nop\n"
	"after_nop:\n"
	"	nop\n");
extern char behind_sti[], after_nop[];

/*
 * On QEMU's TCG before 9.1, an exit that KVM handles itself ends the shadow. So an interrupt of the
 * host is enough there to let L2's in (docs/findings.md, "Emulated CPUs"). This has a message of
 * its own, so that a known issue can name just this.
 */
static void check_behind_shadow(u64 rip, const char *when)
{
	if (rip == (u64)behind_sti)
		report_fail("%s: it came in the shadow of STI, at rip 0x%lx", when, rip);
	else
		report_if_failed(rip == (u64)after_nop, "%s: it came at rip 0x%lx, not 0x%lx", when,
				 rip, (u64)after_nop);
}

static void expect_interrupt_behind_shadow(struct l2 *l2, const char *when)
{
	if (expect_event(l2, LOW_VECTOR, NO_CODE, ANYWHERE, when))
		check_behind_shadow(last_event_frame()->rip, when);
}

static void masked_by_if(void *data)
{
	irq_disable();
	migrate_quiet();
	after_migration();
	l2_call(1);
	sti_nop();
	l2_call(2);
}

/*
 * A broken hypervisor forgets V_IRQ when it saves L2, delivers it to an L2 that has interrupts off,
 * or ignores the interrupt shadow of STI.
 */
TEST(virq_behind_if, .on = EACH_CPU, .needs = SVM,
     .about =
	     "a virtual interrupt that L2's IF holds back survives a migration in L2, and comes after STI's shadow, once")
{
	struct l2 *l2 = event_l2_new(masked_by_if, NULL);

	l2_irq_off(l2);
	request_interrupt(l2, LOW_VECTOR);
	expect_call(l2, 1, "interrupts off in L2");
	check_virq(l2, true, "interrupts off in L2");
	expect_interrupt_behind_shadow(l2, "after STI");
	report(last_event_frame()->rflags & X86_EFLAGS_IF, "taken with IF set: rflags 0x%lx",
	       last_event_frame()->rflags);
	check_virq(l2, false, "taken");
	expect_call(l2, 2, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

static void masked_by_v_tpr(void *data)
{
	u64 priority = (u64)data;

	migrate_quiet();
	after_migration();
	report(read_cr8() == priority, "L2 reads CR8 %lu, V_TPR is %lu", read_cr8(), priority);
	l2_call(1);
	l2_call(2);
}

static void virq_behind_tpr(u64 priority)
{
	struct l2 *l2 = event_l2_new(masked_by_v_tpr, (void *)priority);
	struct vmcb_control_area *control = &l2->vmcb->control;

	control->v_intr |= V_INTR_MASKING_MASK | priority;
	request_interrupt(l2, LOW_VECTOR);
	expect_call(l2, 1, "held back by V_TPR");
	check_virq(l2, true, "held back by V_TPR");
	report((control->v_intr & V_TPR_MASK) == priority, "V_TPR is %lu, should be %lu",
	       control->v_intr & V_TPR_MASK, priority);
	control->v_intr = (control->v_intr & ~V_TPR_MASK) | (VECTOR_CLASS(LOW_VECTOR) - 1);
	expect_event(l2, LOW_VECTOR, NO_CODE, l2->vmcb->save.rip, "V_TPR lowered by L1");
	check_virq(l2, false, "taken");
	report(read_cr8() == 0, "L1's CR8 is %lu, should be 0", read_cr8());
	expect_call(l2, 2, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

/*
 * A hypervisor that loses V_TPR or V_INTR_PRIO lets the interrupt in after the migration, or never.
 * One that mixes up V_TPR and the TPR of L1's APIC changes L1's CR8.
 */
TEST(virq_behind_tpr, .on = EACH_CPU, .needs = SVM,
     .about =
	     "a virtual interrupt that V_TPR holds back survives a migration in L2, and comes when V_TPR is lowered, once")
{
	virq_behind_tpr(VECTOR_CLASS(LOW_VECTOR) + 1);
}

/* TCG may take it before L2 has touched its IDT. Such a delivery goes wrong: after_migration(). */
FEATURE(VIRQ_PRIORITY,
	"a CPU that is not QEMU's TCG, which takes an interrupt whose priority equals V_TPR")
{
	return !is_tcg();
}

/* "V_INTR_PRIO > V_TPR": an equal V_TPR holds it back, too. */
TEST(virq_behind_equal_tpr, .on = EACH_CPU, .needs = ALL_OF(SVM, VIRQ_PRIORITY),
     .about =
	     "a virtual interrupt that an equal V_TPR holds back survives a migration in L2, and comes when V_TPR is lowered, once")
{
	virq_behind_tpr(VECTOR_CLASS(LOW_VECTOR));
}

FEATURE(CR8_WITH_VIRQ, "a CPU that is not QEMU's TCG, which may end there with an assertion")
{
	return !is_tcg();
}

L2_CODE(lower_cr8, (u64 priority),
	"	mov %rdi, %cr8\n"
	"behind_cr8:\n"
	"	nop\n");
extern char behind_cr8[];

static void masked_by_cr8(void *data)
{
	write_cr8(VECTOR_CLASS(LOW_VECTOR));
	irq_enable();
	migrate_quiet();
	report(read_cr8() == VECTOR_CLASS(LOW_VECTOR), "L2 reads CR8 %lu, wrote %u", read_cr8(),
	       VECTOR_CLASS(LOW_VECTOR));
	l2_call(1);
	lower_cr8(VECTOR_CLASS(LOW_VECTOR) - 1);
	l2_call(2);
}

/* Here only L2 itself changes V_TPR. */
TEST(virq_behind_cr8, .on = EACH_CPU, .needs = ALL_OF(SVM, CR8_WITH_VIRQ),
     .about =
	     "a virtual interrupt that L2's CR8 holds back survives a migration in L2, and comes when L2 lowers CR8, once")
{
	struct l2 *l2 = event_l2_new(masked_by_cr8, NULL);
	struct vmcb_control_area *control = &l2->vmcb->control;

	l2_irq_off(l2);
	control->v_intr |= V_INTR_MASKING_MASK;
	request_interrupt(l2, LOW_VECTOR);
	expect_call(l2, 1, "CR8 raised in L2");
	check_virq(l2, true, "CR8 raised in L2");
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_cr8, "CR8 lowered in L2");
	check_virq(l2, false, "taken");
	report((control->v_intr & V_TPR_MASK) == VECTOR_CLASS(LOW_VECTOR) - 1,
	       "V_TPR is %lu, should be %u", control->v_intr & V_TPR_MASK,
	       VECTOR_CLASS(LOW_VECTOR) - 1);
	expect_call(l2, 2, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

static void masked_by_if_and_tpr(void *data)
{
	migrate_quiet();
	after_migration();
	sti_nop();
	l2_call(1);
}

/* A hypervisor that loses V_IGN_TPR leaves the interrupt pending because of V_TPR. */
TEST(virq_ignores_tpr, .on = EACH_CPU, .needs = SVM,
     .about =
	     "a virtual interrupt with V_IGN_TPR survives a migration in L2, and comes whatever V_TPR is")
{
	struct l2 *l2 = event_l2_new(masked_by_if_and_tpr, NULL);

	l2_irq_off(l2);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK | V_IGN_TPR_MASK | 15;
	request_interrupt(l2, LOW_VECTOR);
	expect_interrupt_behind_shadow(l2, "V_TPR 15, V_IGN_TPR set");
	check_virq(l2, false, "taken");
	expect_call(l2, 1, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

L2_CODE(call_nops, (void),
	"	mov $1, %eax\n"
	"	vmmcall\n"
	"	nop\n"
	"behind_shadow:\n"
	"	nop\n");
extern char behind_shadow[];

static void in_call_nops(void *data)
{
	call_nops();
	l2_call(2);
}

/* A broken hypervisor does not load INTERRUPT_SHADOW, or not after a migration. */
TEST(virq_shadow_in_vmcb, .on = EACH_CPU, .needs = SVM,
     .about =
	     "INTERRUPT_SHADOW in the VMCB, set before a migration in L1, holds a virtual interrupt back for one instruction")
{
	struct l2 *l2 = event_l2_new(in_call_nops, NULL);

	expect_call(l2, 1, "before");
	l2->vmcb->control.interrupt_shadow |= SVM_INTERRUPT_SHADOW_MASK;
	request_interrupt(l2, LOW_VECTOR);
	migrate_quiet();
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_shadow, "one instruction later");
	check_virq(l2, false, "taken");
	expect_call(l2, 2, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

L2_CODE(sti_cpuid, (void),
	"	push %rbx\n"
	"	cli\n"
	"	sti\n"
	"in_sti_shadow:\n"
	"	cpuid\n"
	"behind_sti_shadow:\n"
	"	nop\n"
	"	pop %rbx\n");
extern char in_sti_shadow[], behind_sti_shadow[];

L2_CODE(mov_ss_cpuid, (void),
	"	push %rbx\n"
	"	mov %ss, %eax\n"
	"	mov %eax, %ss\n"
	"in_mov_ss_shadow:\n"
	"	cpuid\n"
	"behind_mov_ss_shadow:\n"
	"	nop\n"
	"	pop %rbx\n");
extern char in_mov_ss_shadow[], behind_mov_ss_shadow[];

static void in_shadow(void *data)
{
	void (*code)(void) = data;

	code();
	l2_call(1);
}

static void exit_in_shadow(void (*code)(void), const char *inside, const char *behind)
{
	struct l2 *l2 = event_l2_new(in_shadow, code);

	svm_set_intercept(l2, INTERCEPT_CPUID);
	expect_exit(l2, SVM_EXIT_CPUID, "in the shadow");
	check_rip(l2, inside, "in the shadow");
	report(l2->vmcb->control.interrupt_shadow & SVM_INTERRUPT_SHADOW_MASK,
	       "INTERRUPT_SHADOW is set: 0x%lx", l2->vmcb->control.interrupt_shadow);
	svm_clear_intercept(l2, INTERCEPT_CPUID);
	request_interrupt(l2, LOW_VECTOR);
	migrate_quiet();
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind, "after the shadow");
	report(!(l2->vmcb->control.interrupt_shadow & SVM_INTERRUPT_SHADOW_MASK),
	       "INTERRUPT_SHADOW is clear in the handler: 0x%lx",
	       l2->vmcb->control.interrupt_shadow);
	expect_call(l2, 1, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

/*
 * A broken hypervisor does not report the shadow at a #VMEXIT, or ends a shadow at exits of its
 * own: CPUID exits to the hypervisor whether L1 intercepts it or not.
 */
TEST(virq_shadow_of_sti, .on = EACH_CPU, .needs = SVM,
     .about =
	     "an exit in the shadow of STI shows INTERRUPT_SHADOW, and L2 goes on in the shadow after a migration in L1")
{
	exit_in_shadow(sti_cpuid, in_sti_shadow, behind_sti_shadow);
}

TEST(virq_shadow_of_mov_ss, .on = EACH_CPU, .needs = SVM,
     .about =
	     "an exit in the shadow of MOV SS shows INTERRUPT_SHADOW, and L2 goes on in the shadow after a migration in L1")
{
	exit_in_shadow(mov_ss_cpuid, in_mov_ss_shadow, behind_mov_ss_shadow);
}

/*
 * A hypervisor that loses the VINTR intercept delivers the interrupt to L2. One that takes the exit
 * for the interrupt clears V_IRQ.
 */
TEST(virq_intercepted, .on = EACH_CPU, .needs = SVM,
     .about =
	     "an intercepted virtual interrupt exits with VINTR where it would come, after a migration, and comes when L1 clears the intercept")
{
	struct l2 *l2 = event_l2_new(masked_by_if, NULL);

	l2_irq_off(l2);
	svm_set_intercept(l2, INTERCEPT_VINTR);
	request_interrupt(l2, LOW_VECTOR);
	expect_call(l2, 1, "interrupts off in L2");
	check_virq(l2, true, "interrupts off in L2");
	if (expect_exit(l2, SVM_EXIT_VINTR, "after STI"))
		check_behind_shadow(l2_rip(l2), "after STI");
	check_virq(l2, true, "at the exit");
	svm_clear_intercept(l2, INTERCEPT_VINTR);
	expect_interrupt_behind_shadow(l2, "without the intercept");
	check_virq(l2, false, "taken");
	expect_call(l2, 2, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

/* A broken hypervisor restores L2 with L1's RFLAGS, or with those of the last VMRUN. */
static void keep_if(void *data)
{
	int bad = 0;

	irq_disable();
	migrate_quiet();
	bad += irqs_enabled();
	l2_call(1);
	bad += irqs_enabled();
	irq_enable();
	migrate_quiet();
	bad += !irqs_enabled();
	l2_call(2);
	bad += !irqs_enabled();
	report(!bad, "L2 found its IF as it had left it (%d times not)", bad);
}

TEST(if_kept, .on = EACH_CPU, .needs = SVM,
     .about = "L2's RFLAGS.IF, on and off, survives a migration in L2, whatever L1's is")
{
	struct l2 *l2 = event_l2_new(keep_if, NULL);

	expect_call(l2, 1, "IF off");
	report(!(l2->vmcb->save.rflags & X86_EFLAGS_IF), "IF is clear in the VMCB: 0x%lx",
	       l2->vmcb->save.rflags);
	irq_disable();
	expect_call(l2, 2, "IF on");
	report(l2->vmcb->save.rflags & X86_EFLAGS_IF, "IF is set in the VMCB: 0x%lx",
	       l2->vmcb->save.rflags);
	expect_end(l2);
	report(!irqs_enabled(), "L1's IF is still off");
	irq_enable();
	event_l2_free(l2);
}
