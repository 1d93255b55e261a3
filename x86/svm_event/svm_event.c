// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events of nested guests while they are moved: whatever was in flight, pending or held
 * back is delivered exactly once.
 *
 * The truth: AMD APM volume 2, chapter 15: 15.17 (GIF), 15.20 (EVENTINJ), 15.21
 * (interrupts, V_TPR, V_IRQ), 15.7.2 (EXITINTINFO), 15.13 (INTR and NMI), 15.33 (virtual
 * GIF); 8.5 for the order of events, 13.1 for debug exceptions.
 *
 * A broken hypervisor forgets an event that was pending when it saved a guest, or
 * delivers it a second time after it was restored; lets in what the guest had masked, by
 * RFLAGS.IF, an interrupt shadow, V_TPR, GIF or a running NMI handler; delivers to L1 what
 * is L2's or the other way round; or comes back with a vector, error code or return
 * address that is not the event's.
 *
 * How the tests see it: every event in L2 is an exit (l2-event.h), and the order of L2's exits
 * is the order of events.
 *
 * They cannot tell an event that is late by some instructions from one that is in
 * time where it comes from an interrupt controller, since nothing says how fast that is;
 * virtual interrupts and single steps are held to the very instruction.
 *
 * What QEMU's TCG may deliver twice (svm-event.h) is XFAIL where the CPU says that it is TCG, and
 * FAIL elsewhere.
 *
 * Here is what L1 asks for in the VMCB: EVENTINJ, V_IRQ, V_NMI, and EXITINTINFO, which tells of
 * what was not delivered. The program's other files: svm-event-apic.c, -order.c and -halt.c, and,
 * with the tests that VMX has as well, l2-interrupts.c and l2-steps.c.
 *
 * On the command line: break=lost has L1 inject nothing, and ask for no virtual interrupt.
 */
#include "libcflat.h"
#include "apic.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "nested/svm/svm-event.h"

static void inject(struct l2 *l2, u64 event)
{
	if (!broken("lost"))
		svm_inject(l2, event);
}

static void request_interrupt(struct l2 *l2, u8 vector)
{
	if (!broken("lost"))
		svm_virtual_irq(l2, vector);
}

L2_CODE(sti_nop, (void),
	"	sti\n"
	"	nop\n"
	"behind_sti:\n"
	"	nop\n");
extern char behind_sti[];

/* ======== EVENTINJ ======== */

static void count_run(void *data)
{
	volatile u32 *runs = data;

	(*runs)++;
}

/*
 * A hypervisor that loses EVENTINJ on the way to the other side, or where the first
 * delivery there cannot read the IDT or write the stack yet; that delivers it again; or
 * takes the return address from elsewhere.
 */
static void inject_across_move(u64 event, u32 error_code)
{
	volatile u32 runs = 0;
	struct l2 *l2 = event_l2_new(count_run, (void *)&runs);
	struct vmcb_save_area *save = &l2->vmcb->save;
	u64 rip = save->rip, rsp = save->rsp, cr2 = 0x123456789000;

	save->cr2 = cr2;
	/* Pushed by a software interrupt where there is next-RIP save, else RIP is. */
	l2->vmcb->control.nrip = rip;
	/* EVENTINJ does not ask RFLAGS.IF. */
	l2_irq_off(l2);
	inject(l2, event | (u64)error_code << SVM_EVTINJ_ERR_SHIFT);
	migrate_quiet();
	if (expect_event(l2, event & SVM_EVTINJ_VEC_MASK, error_code, rip, "injected"))
		report(last_event_frame()->rsp == rsp, "rsp on the stack is 0x%lx, was 0x%lx",
		       last_event_frame()->rsp, rsp);
	report(save->cr2 == cr2, "L2's CR2 is 0x%lx, was set to 0x%lx", save->cr2, cr2);
	report(!runs, "L2's code did not run before its event (%u times)", runs);
	expect_end(l2);
	report(runs == 1, "L2's code ran once (%u times)", runs);
	event_l2_free(l2);
}

#define INJECT(name, words, event, error_code)                                                     \
	TEST(inject_##name, .on = EACH_CPU, .needs = SVM,                                          \
	     .about = words " in EVENTINJ during the move is delivered once, as it was set")       \
	{                                                                                          \
		inject_across_move(event, error_code);                                             \
	}

INJECT(interrupt, "an interrupt", SVM_EVTINJ_TYPE_INTR | HIGH_VECTOR, 0)
INJECT(nmi, "an NMI", SVM_EVTINJ_TYPE_NMI | NMI_VECTOR, 0)
INJECT(exception, "an exception", SVM_EVTINJ_TYPE_EXEPT | UD_VECTOR, 0)
INJECT(exception_with_code, "an exception with an error code",
       SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | GP_VECTOR, 0x5a8)
INJECT(page_fault, "a page fault", SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | PF_VECTOR,
       PFERR_WRITE_MASK | PFERR_PRESENT_MASK)
INJECT(software_interrupt, "a software interrupt", SVM_EVTINJ_TYPE_SOFT | LOW_VECTOR, 0)

/* ======== V_IRQ ======== */

/*
 * QEMU's TCG takes a virtual interrupt for an exception if a page of the hypervisor's is
 * missing while it is delivered (docs/findings.md), as after a move. There, L2 looks at what
 * delivery needs; elsewhere the missing page is a part of the test.
 */
static void after_move(void)
{
	const volatile u8 *gates = (const volatile u8 *)event_l2_idt();

	if (!is_tcg())
		return;
	for (unsigned i = 0; i < PAGE_SIZE; i += 256)
		(void)gates[i];
	for (unsigned i = 0; i < sizeof(event_traps); i += 256)
		(void)*(const volatile u8 *)&event_traps[0][i];
}

static void masked_by_if(void *data)
{
	irq_disable();
	migrate_quiet();
	after_move();
	l2_call(1);
	sti_nop();
	l2_call(2);
}

/*
 * A hypervisor that forgets V_IRQ when it saves L2, delivers it to an L2 that has
 * interrupts off, or takes the shadow of STI for none.
 */
TEST(virq_behind_if, .on = EACH_CPU, .needs = SVM,
     .about = "a virtual interrupt that RFLAGS.IF holds back comes once, after STI's shadow")
{
	struct l2 *l2 = event_l2_new(masked_by_if, NULL);

	l2_irq_off(l2);
	request_interrupt(l2, LOW_VECTOR);
	expect_call(l2, 1, "interrupts off in L2");
	check_virq(l2, true, "interrupts off in L2");
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_sti, "after STI");
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
	after_move();
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
	expect_call(l2, 1, "behind V_TPR");
	check_virq(l2, true, "behind V_TPR");
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
 * A hypervisor that forgets V_TPR or V_INTR_PRIO lets the interrupt in after the
 * move, or never; one that mixes up V_TPR and the TPR of L1's APIC changes L1's CR8.
 */
TEST(virq_behind_tpr, .on = EACH_CPU, .needs = SVM,
     .about = "a virtual interrupt that V_TPR holds back comes once, when V_TPR is lowered")
{
	virq_behind_tpr(VECTOR_CLASS(LOW_VECTOR) + 1);
}

/* "V_INTR_PRIO > V_TPR": the same priority holds it back too. */
TEST(virq_behind_equal_tpr, .on = EACH_CPU, .needs = SVM,
     .about = "a virtual interrupt is held back by a V_TPR that is its priority")
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

/* The same where nothing but L2 itself touches V_TPR. */
TEST(virq_behind_cr8, .on = EACH_CPU, .needs = ALL_OF(SVM, CR8_WITH_VIRQ),
     .about = "a virtual interrupt that L2's CR8 holds back comes once, when CR8 is lowered")
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
	after_move();
	sti_nop();
	l2_call(1);
}

/* A hypervisor that does not carry V_IGN_TPR leaves the interrupt behind V_TPR. */
TEST(virq_ignores_tpr, .on = EACH_CPU, .needs = SVM,
     .about = "with V_IGN_TPR a virtual interrupt comes whatever V_TPR is")
{
	struct l2 *l2 = event_l2_new(masked_by_if_and_tpr, NULL);

	l2_irq_off(l2);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK | V_IGN_TPR_MASK | 15;
	request_interrupt(l2, LOW_VECTOR);
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_sti, "V_TPR 15, V_IGN_TPR set");
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

/* A hypervisor that does not load INTERRUPT_SHADOW, or not from what it restored. */
TEST(virq_shadow_in_vmcb, .on = EACH_CPU, .needs = SVM,
     .about = "INTERRUPT_SHADOW in the VMCB holds a virtual interrupt back for one instruction")
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
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind, "behind the shadow");
	report(!(l2->vmcb->control.interrupt_shadow & SVM_INTERRUPT_SHADOW_MASK),
	       "INTERRUPT_SHADOW is clear in the handler: 0x%lx",
	       l2->vmcb->control.interrupt_shadow);
	expect_call(l2, 1, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

/*
 * A hypervisor that does not tell of the shadow at a #VMEXIT, or that ends a shadow at
 * its own exits: CPUID is one for it, whether L1 intercepts it or not.
 */
TEST(virq_shadow_of_sti, .on = EACH_CPU, .needs = SVM,
     .about = "an exit in the shadow of STI shows it, and L2 goes on in it")
{
	exit_in_shadow(sti_cpuid, in_sti_shadow, behind_sti_shadow);
}

TEST(virq_shadow_of_mov_ss, .on = EACH_CPU, .needs = SVM,
     .about = "an exit in the shadow of MOV SS shows it, and L2 goes on in it")
{
	exit_in_shadow(mov_ss_cpuid, in_mov_ss_shadow, behind_mov_ss_shadow);
}

/*
 * A hypervisor that does not carry the VINTR intercept delivers the interrupt to L2;
 * one that takes the exit for the interrupt clears V_IRQ.
 */
TEST(virq_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "VINTR exits where the interrupt would come, which then still does")
{
	struct l2 *l2 = event_l2_new(masked_by_if, NULL);

	l2_irq_off(l2);
	svm_set_intercept(l2, INTERCEPT_VINTR);
	request_interrupt(l2, LOW_VECTOR);
	expect_call(l2, 1, "interrupts off in L2");
	check_virq(l2, true, "interrupts off in L2");
	expect_exit(l2, SVM_EXIT_VINTR, "after STI");
	check_rip(l2, behind_sti, "after STI");
	check_virq(l2, true, "at the exit");
	svm_clear_intercept(l2, INTERCEPT_VINTR);
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_sti, "without the intercept");
	check_virq(l2, false, "taken");
	expect_call(l2, 2, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

/* A hypervisor that restores L2 with RFLAGS of L1, or of the moment of VMRUN. */
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
     .about = "RFLAGS.IF of L2, on and off, is the same after a move, whatever L1's is")
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

/* ======== EXITINTINFO ======== */

/* Nothing is ever mapped there. */
#define NOWHERE (VMALLOC_END + (1ul << 30))

static bool check_exitintinfo(const struct l2 *l2, u64 event)
{
	u64 is = l2->vmcb->control.exitintinfo;

	/* "If TYPE is 2 (NMI), the VECTOR field is ignored." */
	if ((is & SVM_EVTINJ_TYPE_MASK) == SVM_EVTINJ_TYPE_NMI)
		is = (is & ~SVM_EVTINJ_VEC_MASK) | NMI_VECTOR;
	return report(is == (event | SVM_EVTINJ_VALID), "EXITINTINFO is 0x%lx, should be 0x%lx",
		      l2->vmcb->control.exitintinfo, event | SVM_EVTINJ_VALID);
}

static void check_gate_fault(const struct l2 *l2, u64 gate)
{
	report(l2->vmcb->control.exitinfo2 == gate, "EXITINFO2 is 0x%lx, the gate is at 0x%lx",
	       l2->vmcb->control.exitinfo2, gate);
}

/*
 * A hypervisor that tells of the fault and forgets the event that it stopped, or tells
 * of another; and that delivers it on its own as well, so that L1's is the second.
 */
static void fault_in_delivery(u64 event)
{
	volatile u32 runs = 0;
	struct l2 *l2 = event_l2_new(count_run, (void *)&runs);
	struct vmcb_save_area *save = &l2->vmcb->save;
	u64 rip = save->rip;
	int vector = event & SVM_EVTINJ_VEC_MASK;

	l2->vmcb->control.nrip = rip;
	svm_set_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	save->idtr.base = NOWHERE;
	inject(l2, event);
	expect_exit(l2, SVM_EXIT_EXCP_BASE + PF_VECTOR, "delivered where there is no IDT");
	check_exitintinfo(l2, event);
	check_gate_fault(l2, NOWHERE + vector * sizeof(idt_entry_t));
	check_rip(l2, (void *)rip, "not delivered");
	migrate_quiet();
	save->idtr.base = (u64)event_l2_idt();
	l2->vmcb->control.nrip = rip;
	inject(l2, l2->vmcb->control.exitintinfo);
	expect_event(l2, vector, event >> SVM_EVTINJ_ERR_SHIFT, rip, "delivered again");
	report(!runs, "L2's code did not run before its event (%u times)", runs);
	expect_end(l2);
	report(runs == 1, "L2's code ran once (%u times)", runs);
	event_l2_free(l2);
}

#define FAULT_IN_DELIVERY(name, words, event)                                                      \
	TEST(fault_delivering_##name, .on = EACH_CPU, .needs = SVM,                                \
	     .about = words " that met a #PF is in EXITINTINFO, and delivered once when injected " \
			    "again after the move")                                                \
	{                                                                                          \
		fault_in_delivery(event);                                                          \
	}

FAULT_IN_DELIVERY(interrupt, "an interrupt", SVM_EVTINJ_TYPE_INTR | HIGH_VECTOR)
FAULT_IN_DELIVERY(nmi, "an NMI", SVM_EVTINJ_TYPE_NMI | NMI_VECTOR)
FAULT_IN_DELIVERY(exception, "an exception", SVM_EVTINJ_TYPE_EXEPT | UD_VECTOR)
FAULT_IN_DELIVERY(exception_with_code, "an exception with an error code",
		  SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | GP_VECTOR |
			  0x5a8ul << SVM_EVTINJ_ERR_SHIFT)
FAULT_IN_DELIVERY(software_interrupt, "a software interrupt", SVM_EVTINJ_TYPE_SOFT | LOW_VECTOR)

L2_CODE(int_low, (void),
	"at_int:\n"
	"	int $0x51\n"
	"behind_int:\n"
	"	nop\n");
extern char at_int[], behind_int[];

static void in_int(void *data)
{
	int_low();
	l2_call(1);
}

/* Of L2's own making: RIP is at INT, so that L2 runs it again. */
TEST(fault_delivering_int_n, .on = EACH_CPU, .needs = SVM,
     .about = "INT n in L2 that met a #PF is in EXITINTINFO, and is run again after the move")
{
	struct l2 *l2 = event_l2_new(in_int, NULL);
	struct vmcb_save_area *save = &l2->vmcb->save;

	svm_set_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	save->idtr.base = NOWHERE;
	expect_exit(l2, SVM_EXIT_EXCP_BASE + PF_VECTOR, "INT where there is no IDT");
	check_exitintinfo(l2, SVM_EVTINJ_TYPE_SOFT | LOW_VECTOR);
	check_gate_fault(l2, NOWHERE + LOW_VECTOR * sizeof(idt_entry_t));
	check_rip(l2, at_int, "at INT");
	migrate_quiet();
	save->idtr.base = (u64)event_l2_idt();
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_int, "INT again");
	expect_call(l2, 1, "behind INT");
	expect_end(l2);
	event_l2_free(l2);
}

/* V_IRQ is no longer set then: EXITINTINFO has it (15.21.4). */
TEST(fault_delivering_virq, .on = EACH_CPU, .needs = SVM,
     .about = "a virtual interrupt that met a #PF is in EXITINTINFO, and delivered once")
{
	struct l2 *l2 = event_l2_new(in_int, NULL);
	struct vmcb_save_area *save = &l2->vmcb->save;
	u64 rip = save->rip;

	l2_start(l2, count_run, &(u32){ 0 });
	svm_set_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	save->idtr.base = NOWHERE;
	request_interrupt(l2, LOW_VECTOR);
	expect_exit(l2, SVM_EXIT_EXCP_BASE + PF_VECTOR, "taken where there is no IDT");
	check_exitintinfo(l2, SVM_EVTINJ_TYPE_INTR | LOW_VECTOR);
	check_virq(l2, false, "taken");
	migrate_quiet();
	save->idtr.base = (u64)event_l2_idt();
	inject(l2, l2->vmcb->control.exitintinfo);
	expect_event(l2, LOW_VECTOR, NO_CODE, rip, "delivered again");
	expect_end(l2);
	event_l2_free(l2);
}

/* The page that is missing is not L2's but L1's: the gate's, and the stack's. */
static void npf_in_delivery(bool stack, u64 event)
{
	volatile u32 runs = 0;
	struct l2 *l2 = event_l2_new(count_run, (void *)&runs);
	struct vmcb_save_area *save = &l2->vmcb->save;
	phys_addr_t gone =
		stack ? virt_to_phys((void *)(save->rsp - 8)) : virt_to_phys(event_l2_idt());
	u64 rip = save->rip;
	pteval_t *entry;

	svm_use_npt(l2);
	entry = svm_npt_entry(l2, gone & PAGE_MASK);
	*entry &= ~PT_PRESENT_MASK;
	inject(l2, event);
	expect_exit(l2, SVM_EXIT_NPF, "delivered without the page");
	check_exitintinfo(l2, event);
	report((l2->vmcb->control.exitinfo2 & PAGE_MASK) == (gone & PAGE_MASK),
	       "EXITINFO2 is 0x%lx, the missing page 0x%lx", l2->vmcb->control.exitinfo2,
	       gone & PAGE_MASK);
	check_rip(l2, (void *)rip, "not delivered");
	migrate_quiet();
	*entry |= PT_PRESENT_MASK;
	l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
	inject(l2, l2->vmcb->control.exitintinfo);
	expect_event(l2, event & SVM_EVTINJ_VEC_MASK, event >> SVM_EVTINJ_ERR_SHIFT, rip,
		     "delivered again");
	report(!runs, "L2's code did not run before its event (%u times)", runs);
	expect_end(l2);
	report(runs == 1, "L2's code ran once (%u times)", runs);
	event_l2_free(l2);
}

TEST(npf_delivering_interrupt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "an interrupt whose gate met a nested page fault is delivered once after the move")
{
	npf_in_delivery(false, SVM_EVTINJ_TYPE_INTR | HIGH_VECTOR);
}

TEST(npf_delivering_exception, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "an exception whose frame met a nested page fault is delivered once after the move")
{
	npf_in_delivery(true, SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | GP_VECTOR |
				      0x5a8ul << SVM_EVTINJ_ERR_SHIFT);
}

/* ======== virtual GIF ======== */

L2_CODE(stgi_nops, (void),
	"at_stgi:\n"
	"	stgi\n"
	"behind_stgi:\n"
	"	nop\n"
	"	nop\n");
extern char at_stgi[], behind_stgi[];

static void in_vgif(void *data)
{
	clgi();
	l2_call(1);
	migrate_quiet();
	after_move();
	l2_call(2);
	stgi_nops();
	l2_call(3);
}

static bool check_v_gif(const struct l2 *l2, bool set, const char *when)
{
	return report(!!(l2->vmcb->control.v_intr & V_GIF_MASK) == set,
		      "%s: V_GIF is %s: V_INTR 0x%lx", when, set ? "set" : "clear",
		      l2->vmcb->control.v_intr);
}

static struct l2 *begin_vgif(void)
{
	struct l2 *l2 = event_l2_new(in_vgif, NULL);

	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK | V_GIF_ENABLE_MASK | V_GIF_MASK;
	return l2;
}

/*
 * A hypervisor that does not carry V_GIF lets the virtual interrupt in after the move;
 * one that takes L2's GIF for L1's does not let L1's events in, or lets L2's out.
 */
TEST(vgif_holds_virq, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_VGIF),
     .about = "moved in L2 with virtual GIF clear: V_IRQ waits for L2's STGI, and comes once")
{
	struct l2 *l2 = begin_vgif();

	expect_call(l2, 1, "L2's CLGI");
	check_v_gif(l2, false, "L2's CLGI");
	request_interrupt(l2, LOW_VECTOR);
	expect_call(l2, 2, "moved with V_IRQ");
	check_v_gif(l2, false, "moved with V_IRQ");
	check_virq(l2, true, "moved with V_IRQ");
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_stgi, "L2's STGI");
	check_v_gif(l2, true, "L2's STGI");
	check_virq(l2, false, "taken");
	expect_call(l2, 3, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

/* A hypervisor that drops the intercepts, or executes the instruction as well. */
TEST(vgif_intercepts, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_VGIF),
     .about = "with virtual GIF intercepts of CLGI and STGI exit, and leave V_GIF alone")
{
	struct l2 *l2 = begin_vgif();

	svm_set_intercept(l2, INTERCEPT_CLGI);
	expect_exit(l2, SVM_EXIT_CLGI, "CLGI");
	check_v_gif(l2, true, "CLGI intercepted");
	svm_clear_intercept(l2, INTERCEPT_CLGI);
	svm_set_intercept(l2, INTERCEPT_STGI);
	expect_call(l2, 1, "CLGI not intercepted");
	request_interrupt(l2, LOW_VECTOR);
	expect_call(l2, 2, "moved");
	expect_exit(l2, SVM_EXIT_STGI, "STGI after the move");
	check_rip(l2, at_stgi, "at STGI");
	check_v_gif(l2, false, "STGI intercepted");
	check_virq(l2, true, "STGI intercepted");
	svm_clear_intercept(l2, INTERCEPT_STGI);
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_stgi, "STGI not intercepted");
	expect_call(l2, 3, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

/* ======== virtual NMI ======== */

/* 15.21.10: V_NMI_BLOCKING is the NMI handler's, until its IRET. */
TEST(vnmi, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_VNMI),
     .about = "moved in L2's NMI handler with V_NMI pending: it comes after IRET, once")
{
	volatile u32 runs = 0;
	struct l2 *l2 = event_l2_new(count_run, (void *)&runs);
	u64 *v_intr = &l2->vmcb->control.v_intr;
	u64 rip = l2->vmcb->save.rip;

	svm_set_intercept(l2, INTERCEPT_NMI);
	*v_intr |= V_NMI_ENABLE_MASK | V_NMI_PENDING_MASK;
	expect_event(l2, NMI_VECTOR, NO_CODE, rip, "V_NMI");
	report((*v_intr & (V_NMI_PENDING_MASK | V_NMI_BLOCKING_MASK)) == V_NMI_BLOCKING_MASK,
	       "taken: V_INTR 0x%lx", *v_intr);
	*v_intr |= V_NMI_PENDING_MASK;
	migrate_quiet();
	expect_event(l2, NMI_VECTOR, NO_CODE, rip, "a second one, after IRET");
	report(!runs, "no instruction of L2 ran in between (%u runs)", runs);
	expect_end(l2);
	report(!(*v_intr & (V_NMI_PENDING_MASK | V_NMI_BLOCKING_MASK)), "after IRET: V_INTR 0x%lx",
	       *v_intr);
	event_l2_free(l2);
}
