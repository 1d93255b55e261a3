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
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "apic.h"
#include "barrier.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "svm-event.h"

#define DR6_B0	    BIT(0)
#define DR6_BS	    BIT(14)
#define DR7_L0	    BIT(0)
#define DR7_WRITE_0 (1ul << 16)
#define DR7_LEN8_0  (2ul << 18)

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
	l2_inject(l2, event | (u64)error_code << SVM_EVTINJ_ERR_SHIFT);
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
	l2_virtual_irq(l2, LOW_VECTOR);
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
	l2_virtual_irq(l2, LOW_VECTOR);
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
	l2_virtual_irq(l2, LOW_VECTOR);
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
	l2_virtual_irq(l2, LOW_VECTOR);
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
	l2_virtual_irq(l2, LOW_VECTOR);
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

	l2_intercept(l2, INTERCEPT_CPUID);
	expect_exit(l2, SVM_EXIT_CPUID, "in the shadow");
	check_rip(l2, inside, "in the shadow");
	report(l2->vmcb->control.interrupt_shadow & SVM_INTERRUPT_SHADOW_MASK,
	       "INTERRUPT_SHADOW is set: 0x%lx", l2->vmcb->control.interrupt_shadow);
	l2_pass(l2, INTERCEPT_CPUID);
	l2_virtual_irq(l2, LOW_VECTOR);
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
	l2_intercept(l2, INTERCEPT_VINTR);
	l2_virtual_irq(l2, LOW_VECTOR);
	expect_call(l2, 1, "interrupts off in L2");
	check_virq(l2, true, "interrupts off in L2");
	expect_exit(l2, SVM_EXIT_VINTR, "after STI");
	check_rip(l2, behind_sti, "after STI");
	check_virq(l2, true, "at the exit");
	l2_pass(l2, INTERCEPT_VINTR);
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

/* ======== interrupts of L1's local APIC ======== */

/* For L2, whose interrupts go to L1's handlers in L1: until L1 says that it has come. */
static volatile bool seen;

static void await_seen(void)
{
	wait_until(READ_ONCE(seen), EVENT_PATIENCE_MS);
}

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
	l2_intercept(l2, INTERCEPT_INTR);
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

	l2_intercept(l2, INTERCEPT_INTR);
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

static void call_once(void *data)
{
	l2_call(1);
}

/*
 * An exit after which GIF is not clear, or was not any more on the other side, lets the
 * interrupt in between #VMEXIT and STGI. An entry with the interrupt pending must not get
 * as far as L2's first instruction.
 */
TEST(intr_pending_at_vmrun, .on = EACH_CPU, .needs = SVM,
     .about = "moved between #VMEXIT(INTR) and STGI: pending until STGI, and exits each VMRUN")
{
	struct l2 *l2 = event_l2_new(call_once, NULL);
	u64 rip = l2->vmcb->save.rip;

	l2_intercept(l2, INTERCEPT_INTR);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	clgi();
	pend(LOW_VECTOR);
	l2_enter_gif_clear(l2);
	exit_came(l2, SVM_EXIT_INTR, "VMRUN with an interrupt pending");
	migrate_quiet();
	check_pending(LOW_VECTOR, "between #VMEXIT and STGI");
	report(!l1_count(), "L1 gets no interrupt before STGI (%u)", l1_count());
	l2_enter_gif_clear(l2);
	exit_came(l2, SVM_EXIT_INTR, "VMRUN again");
	check_rip(l2, (void *)rip, "no instruction of L2 ran");
	stgi();
	l1_got("after STGI", LOW_VECTOR);
	expect_call(l2, 1, "nothing pending");
	expect_end(l2);
	event_l2_free(l2);
}

/* On another CPU, while L2 spins here. */
struct sender {
	int cpu;
	volatile u32 running, sent;
	void (*send)(int cpu);
};

static void move_then_send(void *data)
{
	struct sender *sender = data;

	wait_until(sender->running, EVENT_PATIENCE_MS);
	migrate_quiet();
	sender->sent = 1;
	sender->send(sender->cpu);
}

static void send_low(int cpu)
{
	apic_send_ipi(cpu, LOW_VECTOR);
}

static void spin_until_seen(void *data)
{
	struct sender *sender = data;

	irq_disable();
	sender->running = 1;
	/* Through a move, which somebody else has asked for. */
	wait_until(READ_ONCE(sender->sent), ANSWER_DEADLINE_MS);
	await_seen();
	l2_call(1);
}

static void moved_from_outside(unsigned intercept, u64 exitcode, void (*send)(int cpu), u8 vector)
{
	struct sender sender = { .cpu = smp_id(), .send = send };
	struct l2 *l2 = event_l2_new(spin_until_seen, &sender);

	seen = false;
	l2_intercept(l2, intercept);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	on_cpu_async(other_cpu(), move_then_send, &sender);
	expect_exit(l2, exitcode, "sent by another CPU");
	report(sender.sent, "not before it was sent");
	l1_got("sent by another CPU", vector);
	seen = true;
	expect_call(l2, 1, "nothing is left");
	expect_end(l2);
	on_cpu_wait(other_cpu());
	event_l2_free(l2);
}

/* A hypervisor that saves a running L2 as L1, or in which a kick looks like an interrupt. */
TEST(intr_from_other_cpu, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 is moved at any instruction; an interrupt from another CPU exits it, once")
{
	moved_from_outside(INTERCEPT_INTR, SVM_EXIT_INTR, send_low, LOW_VECTOR);
}

TEST(nmi_from_other_cpu, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 is moved at any instruction; an NMI from another CPU exits it, once")
{
	moved_from_outside(INTERCEPT_NMI, SVM_EXIT_NMI, apic_send_nmi, NMI_VECTOR);
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
	l2_intercept(l2, INTERCEPT_INTR);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	apic_setup_timer(TIMER_VECTOR, APIC_LVT_TIMER_ONESHOT);
	if (!keep)
		apic_start_timer(apic_timer_hz() / 20);
	/* It may expire in the middle of the move's conversation: no word before L2's call. */
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
 * The same where it has expired before the move: a hypervisor that starts a timer by its
 * initial count where the current count is 0.
 */
TEST(timer_fires_once, .on = EACH_CPU, .needs = SVM,
     .about = "L1's one-shot APIC timer that has fired before the move does not fire after it")
{
	timer_of_l1(run_after_timer, true);
}

/* ======== TPR and CR8 ======== */

static void change_cr8(void *data)
{
	u64 is = read_cr8();

	report(is == 5, "L2's CR8 is V_TPR: %lu, should be 5", is);
	write_cr8(7);
	migrate_quiet();
	is = read_cr8();
	report(is == 7, "L2's CR8 after the move: %lu, was 7", is);
	is = apic_get_tpr();
	report(is == 0x20, "L1's TPR after the move: 0x%lx, was 0x20", is);
	l2_call(1);
}

/* A hypervisor that takes one TPR for the other when it saves the guest inside L2. */
TEST(tpr_two, .on = EACH_CPU, .needs = SVM,
     .about = "with V_INTR_MASKING L2's CR8 is V_TPR, and L1's TPR is left alone")
{
	struct l2 *l2 = event_l2_new(change_cr8, NULL);

	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK | 5;
	write_cr8(2);
	expect_call(l2, 1, "L2 has changed CR8");
	report((l2->vmcb->control.v_intr & V_TPR_MASK) == 7, "V_TPR is %lu, should be 7",
	       l2->vmcb->control.v_intr & V_TPR_MASK);
	report(read_cr8() == 2, "L1's CR8 is %lu, should be 2", read_cr8());
	expect_end(l2);
	report(read_cr8() == 2, "L1's CR8 is %lu, should be 2", read_cr8());
	write_cr8(0);
	event_l2_free(l2);
}

static void change_shared_cr8(void *data)
{
	u64 is = read_cr8();

	report(is == 2, "L2's CR8 is L1's: %lu, should be 2", is);
	write_cr8(7);
	migrate_quiet();
	is = read_cr8();
	report(is == 7, "L2's CR8 after the move: %lu, was 7", is);
	is = apic_get_tpr();
	report(is == 0x70, "the TPR after the move: 0x%lx, should be 0x70", is);
	l2_call(1);
}

/* A hypervisor that has virtual TPRs only. */
TEST(tpr_shared, .on = EACH_CPU, .needs = SVM,
     .about = "without V_INTR_MASKING L2's CR8 is the TPR of the local APIC")
{
	struct l2 *l2 = event_l2_new(change_shared_cr8, NULL);

	write_cr8(2);
	expect_call(l2, 1, "L2 has changed CR8");
	report(read_cr8() == 7, "L1's CR8 is %lu, should be 7", read_cr8());
	expect_end(l2);
	write_cr8(0);
	event_l2_free(l2);
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
	l2_intercept(l2, INTERCEPT_INTR);
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
	apic_send_nmi(smp_id());
	await_seen();
	l2_call(1);
}

/*
 * A hypervisor that forgets an NMI which waits for STGI, or lets it in before, or tells
 * of it by the exit and thinks it done.
 */
TEST(nmi_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "moved between #VMEXIT(NMI) and STGI: L1 gets the NMI after STGI, once")
{
	struct l2 *l2 = event_l2_new(send_nmi_to_self, NULL);

	seen = false;
	l2_intercept(l2, INTERCEPT_NMI);
	clgi();
	l2_enter_gif_clear(l2);
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

/* What the handler of NMIs in L2 saw. */
static struct {
	volatile u32 begun, ended, nested, early;
	bool move;
} nmi;

static void on_nmi_in_l2(struct ex_regs *regs)
{
	if (!event_in_l2(regs)) {
		l1_note(NMI_VECTOR);
		return;
	}
	nmi.nested += nmi.begun != nmi.ended;
	if (++nmi.begun == 1) {
		apic_send_nmi(smp_id());
		delay_us(EVENT_SILENCE_US);
		if (nmi.move)
			migrate_quiet();
		nmi.early = nmi.begun - 1;
	}
	nmi.ended++;
}

static void nmi_to_self_twice(void *data)
{
	apic_send_nmi(smp_id());
	wait_until(nmi.ended >= 2, EVENT_PATIENCE_MS);
	delay_us(EVENT_SILENCE_US);
	l2_call(1);
}

static void check_two_nmis(void)
{
	report(nmi.ended == 2, "%u NMIs were handled in L2, should be 2", nmi.ended);
	report(!nmi.early && !nmi.nested,
	       "none before the first one's IRET (%u before its end, %u inside another)", nmi.early,
	       nmi.nested);
}

static struct l2 *begin_nmi(bool move)
{
	struct l2 *l2 = event_l2_new(nmi_to_self_twice, NULL);

	memset(&nmi, 0, sizeof(nmi));
	nmi.move = move;
	handle_exception(NMI_VECTOR, on_nmi_in_l2);
	event_give_l2_handler(NMI_VECTOR);
	return l2;
}

/*
 * A hypervisor that forgets that NMIs are blocked, which lets the second into the
 * handler of the first, or forgets the one that waits.
 */
TEST(nmi_blocked_in_l2, .on = EACH_CPU, .needs = SVM,
     .about = "moved in L2's NMI handler with a second NMI waiting: it comes after IRET, once")
{
	struct l2 *l2 = begin_nmi(true);

	expect_call(l2, 1, "two NMIs");
	check_two_nmis();
	expect_end(l2);
	event_l2_free(l2);
}

/* A hypervisor that unblocks NMIs when it tells of the IRET, before it is executed. */
TEST(nmi_iret_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "moved at the exit IRET of L2's NMI handler: a second NMI comes after it, once")
{
	struct l2 *l2 = begin_nmi(false);
	const u8 *iret;

	l2_intercept(l2, INTERCEPT_IRET);
	clgi();
	l2_enter_gif_clear(l2);
	exit_came(l2, SVM_EXIT_IRET, "the end of the NMI handler");
	iret = (const u8 *)l2->vmcb->save.rip;
	report(l2->vmcb->control.exitcode == SVM_EXIT_IRET && iret[0] == 0x48 && iret[1] == 0xcf,
	       "L2's rip 0x%lx is at IRET", l2->vmcb->save.rip);
	migrate_quiet();
	report(nmi.begun == 1 && !l1_count(),
	       "the second NMI does not come before IRET (%u in L2, %u in L1)", nmi.begun,
	       l1_count());
	l2_pass(l2, INTERCEPT_IRET);
	l2_enter_gif_clear(l2);
	call_came(l2, 1, "two NMIs");
	stgi();
	check_two_nmis();
	expect_end(l2);
	event_l2_free(l2);
}

/* ======== debug exceptions ======== */

L2_CODE(stepped, (void),
	"	pushf\n"
	"	orq $0x100, (%rsp)\n"
	"	popf\n"
	"	nop\n"
	"step_0:\n"
	"	nop\n"
	"step_1:\n"
	"	nop\n"
	"step_2:\n"
	"	pushf\n"
	"step_3:\n"
	"	andq $~0x100, (%rsp)\n"
	"step_4:\n"
	"	popf\n"
	"step_5:\n"
	"	nop\n");
extern char step_0[], step_1[], step_2[], step_3[], step_4[], step_5[];

/* POPF is the last instruction that began with TF set. */
static const char *const steps[] = { step_0, step_1, step_2, step_3, step_4, step_5 };
#define STEPS 6

static void in_steps(void *data)
{
	stepped();
	l2_call(1);
}

static void check_step(struct l2 *l2, int step, u64 rip)
{
	report_if_failed(rip == (u64)steps[step], "step %d is at rip 0x%lx, should be 0x%lx", step,
			 rip, (u64)steps[step]);
	report_if_failed(l2->vmcb->save.dr6 & DR6_BS, "step %d: DR6.BS is clear: 0x%lx", step,
			 l2->vmcb->save.dr6);
	l2->vmcb->save.dr6 &= ~DR6_BS;
}

/*
 * A hypervisor that loses TF, or the #DB that is due, or that gives two for one
 * instruction, the one before a move and the one after.
 */
TEST(step_taken_by_l2, .on = EACH_CPU, .needs = SVM,
     .about = "single steps: L2 gets #DB after each instruction, moved in between")
{
	struct l2 *l2 = event_l2_new(in_steps, NULL);

	for (int step = 0; step < STEPS; step++) {
		expect_event(l2, DB_VECTOR, NO_CODE, (u64)steps[step], "a step");
		check_step(l2, step, last_event_frame()->rip);
		if (step == 2)
			migrate_quiet();
	}
	expect_call(l2, 1, "after the steps");
	expect_end(l2);
	event_l2_free(l2);
}

TEST(step_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "single steps: an intercepted #DB exits after each instruction, moved in between")
{
	struct l2 *l2 = event_l2_new(in_steps, NULL);

	l2_intercept(l2, INTERCEPT_EXCEPTION + DB_VECTOR);
	for (int step = 0; step < STEPS; step++) {
		expect_exit(l2, SVM_EXIT_EXCP_BASE + DB_VECTOR, "a step");
		check_step(l2, step, l2->vmcb->save.rip);
		report(!!(l2->vmcb->save.rflags & X86_EFLAGS_TF) == (step < STEPS - 1),
		       "step %d: TF in the VMCB: rflags 0x%lx", step, l2->vmcb->save.rflags);
		if (step == 2)
			migrate_quiet();
	}
	expect_call(l2, 1, "after the steps");
	expect_end(l2);
	event_l2_free(l2);
}

static struct {
	volatile u32 count, bad;
	volatile u64 rip, dr6;
} step_log;

static void on_step(struct ex_regs *regs)
{
	u64 dr6 = read_dr6();
	u32 step = step_log.count++;

	if (step >= STEPS || regs->rip != (u64)steps[step] || !(dr6 & DR6_BS)) {
		step_log.bad++;
		step_log.rip = regs->rip;
		step_log.dr6 = dr6;
	}
	write_dr6(dr6 & ~DR6_BS);
	if (step == 2)
		migrate_quiet();
}

/* The same with the move in the handler, in L2: TF is on L2's stack, and BS in DR6. */
TEST(step_moved_in_l2, .on = EACH_CPU, .needs = SVM,
     .about = "single steps: L2 gets #DB after each instruction, moved in its handler")
{
	struct l2 *l2 = event_l2_new(in_steps, NULL);

	memset(&step_log, 0, sizeof(step_log));
	handle_exception(DB_VECTOR, on_step);
	event_give_l2_handler(DB_VECTOR);
	expect_call(l2, 1, "after the steps");
	report(step_log.count == STEPS && !step_log.bad,
	       "%u steps, should be %d; %u not where they should be: rip 0x%lx, DR6 0x%lx",
	       step_log.count, STEPS, step_log.bad, step_log.rip, step_log.dr6);
	expect_end(l2);
	handle_exception(DB_VECTOR, NULL);
	event_l2_free(l2);
}

L2_CODE(store, (volatile u64 * to),
	"	movq $1, (%rdi)\n"
	"behind_store:\n"
	"	nop\n");
extern char behind_store[];

static volatile u64 watched;

FEATURE(OWN_BREAKPOINTS, "a CPU that is not QEMU's TCG, where breakpoints of L2 are its host's")
{
	return !is_tcg();
}

static void store_watched(void *data)
{
	write_dr0((u64)&watched);
	write_dr7(DR7_L0 | DR7_WRITE_0 | DR7_LEN8_0);
	migrate_quiet();
	store(&watched);
	write_dr7(0);
	store(&watched);
	l2_call(1);
}

/* A hypervisor that does not load L2's breakpoints on the other side, or L1's instead. */
TEST(data_breakpoint, .on = EACH_CPU, .needs = ALL_OF(SVM, OWN_BREAKPOINTS),
     .about = "a data breakpoint that L2 has set before the move raises #DB after it, once")
{
	struct l2 *l2 = event_l2_new(store_watched, NULL);

	expect_event(l2, DB_VECTOR, NO_CODE, (u64)behind_store, "the store");
	report(l2->vmcb->save.dr6 & DR6_B0, "DR6.B0 is set: 0x%lx", l2->vmcb->save.dr6);
	expect_call(l2, 1, "the breakpoint is off");
	expect_end(l2);
	write_dr0(0);
	write_dr7(0);
	write_dr6(0xffff0ff0);
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
	l2_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	save->idtr.base = NOWHERE;
	l2_inject(l2, event);
	expect_exit(l2, SVM_EXIT_EXCP_BASE + PF_VECTOR, "delivered where there is no IDT");
	check_exitintinfo(l2, event);
	check_gate_fault(l2, NOWHERE + vector * sizeof(idt_entry_t));
	check_rip(l2, (void *)rip, "not delivered");
	migrate_quiet();
	save->idtr.base = (u64)event_l2_idt();
	l2->vmcb->control.nrip = rip;
	l2_inject(l2, l2->vmcb->control.exitintinfo);
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

	l2_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
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
	l2_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	save->idtr.base = NOWHERE;
	l2_virtual_irq(l2, LOW_VECTOR);
	expect_exit(l2, SVM_EXIT_EXCP_BASE + PF_VECTOR, "taken where there is no IDT");
	check_exitintinfo(l2, SVM_EVTINJ_TYPE_INTR | LOW_VECTOR);
	check_virq(l2, false, "taken");
	migrate_quiet();
	save->idtr.base = (u64)event_l2_idt();
	l2_inject(l2, l2->vmcb->control.exitintinfo);
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

	l2_use_npt(l2);
	entry = l2_npt_entry(l2, gone & PAGE_MASK);
	*entry &= ~PT_PRESENT_MASK;
	l2_inject(l2, event);
	expect_exit(l2, SVM_EXIT_NPF, "delivered without the page");
	check_exitintinfo(l2, event);
	report((l2->vmcb->control.exitinfo2 & PAGE_MASK) == (gone & PAGE_MASK),
	       "EXITINFO2 is 0x%lx, the missing page 0x%lx", l2->vmcb->control.exitinfo2,
	       gone & PAGE_MASK);
	check_rip(l2, (void *)rip, "not delivered");
	migrate_quiet();
	*entry |= PT_PRESENT_MASK;
	l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
	l2_inject(l2, l2->vmcb->control.exitintinfo);
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

/* ======== GIF ======== */

/*
 * A hypervisor that restores a guest with GIF set lets the events in at once; one that
 * forgets what waited for GIF loses them.
 */
TEST(gif_holds_events, .on = EACH_CPU, .needs = SVM,
     .about = "moved between CLGI and STGI: an NMI and two interrupts wait, and come once each")
{
	struct l2 *l2 = event_l2_new(count_run, &(u32){ 0 });

	clgi();
	pend(LOW_VECTOR);
	pend(HIGH_VECTOR);
	apic_send_nmi(smp_id());
	migrate_quiet();
	delay_us(EVENT_SILENCE_US);
	report(!l1_count(), "nothing comes before STGI (%u)", l1_count());
	check_pending(LOW_VECTOR, "before STGI");
	check_pending(HIGH_VECTOR, "before STGI");
	irq_disable();
	stgi();
	l1_got("after STGI, interrupts off", NMI_VECTOR);
	check_pending(LOW_VECTOR, "interrupts off");
	check_pending(HIGH_VECTOR, "interrupts off");
	irq_enable();
	l1_got("interrupts on", HIGH_VECTOR, LOW_VECTOR);
	expect_end(l2);
	event_l2_free(l2);
}

TEST(gif_holds_events_if_set, .on = EACH_CPU, .needs = SVM,
     .about = "the same with interrupts on at STGI: the NMI first, the higher vector first")
{
	struct l2 *l2 = event_l2_new(count_run, &(u32){ 0 });

	clgi();
	pend(LOW_VECTOR);
	pend(HIGH_VECTOR);
	apic_send_nmi(smp_id());
	migrate_quiet();
	delay_us(EVENT_SILENCE_US);
	report(!l1_count(), "nothing comes before STGI (%u)", l1_count());
	stgi();
	l1_got("after STGI", NMI_VECTOR, HIGH_VECTOR, LOW_VECTOR);
	expect_end(l2);
	event_l2_free(l2);
}

/* A timer runs on while GIF is clear; only its interrupt waits. */
TEST(gif_holds_timer, .on = EACH_CPU, .needs = SVM,
     .about = "an APIC timer that expires between CLGI and STGI, moved there, comes after STGI")
{
	struct l2 *l2 = event_l2_new(count_run, &(u32){ 0 });

	apic_setup_timer(TIMER_VECTOR, APIC_LVT_TIMER_ONESHOT);
	clgi();
	apic_start_timer(apic_timer_hz() / 100);
	migrate_quiet();
	report(wait_until(vector_is_pending(TIMER_VECTOR), EVENT_PATIENCE_MS),
	       "the timer expires while GIF is clear");
	report(!l1_count(), "nothing comes before STGI (%u)", l1_count());
	stgi();
	l1_got("after STGI", TIMER_VECTOR);
	apic_cleanup_timer();
	expect_end(l2);
	event_l2_free(l2);
}

/*
 * An exit that leaves GIF set lets both in at once. What pends at VMRUN exits in the
 * order of its priority, and again and again until L1 sets GIF.
 */
TEST(gif_clear_after_exit, .on = EACH_CPU, .needs = SVM,
     .about = "moved between #VMEXIT and STGI with an NMI and an interrupt pending, once each")
{
	struct l2 *l2 = event_l2_new(call_once, NULL);
	u64 rip;

	l2_intercept(l2, INTERCEPT_INTR);
	l2_intercept(l2, INTERCEPT_NMI);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	clgi();
	l2_enter_gif_clear(l2);
	call_came(l2, 1, "with nothing pending");
	rip = l2->vmcb->save.rip;
	pend(LOW_VECTOR);
	apic_send_nmi(smp_id());
	migrate_quiet();
	delay_us(EVENT_SILENCE_US);
	report(!l1_count(), "nothing comes between #VMEXIT and STGI (%u)", l1_count());
	l2_enter_gif_clear(l2);
	exit_came(l2, SVM_EXIT_NMI, "VMRUN with both pending");
	check_rip(l2, (void *)rip, "no instruction of L2 ran");
	report(!l1_count(), "nothing comes between #VMEXIT and STGI (%u)", l1_count());
	stgi();
	l1_got("after STGI", NMI_VECTOR, LOW_VECTOR);
	expect_end(l2);
	event_l2_free(l2);
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
	l2_virtual_irq(l2, LOW_VECTOR);
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

	l2_intercept(l2, INTERCEPT_CLGI);
	expect_exit(l2, SVM_EXIT_CLGI, "CLGI");
	check_v_gif(l2, true, "CLGI intercepted");
	l2_pass(l2, INTERCEPT_CLGI);
	l2_intercept(l2, INTERCEPT_STGI);
	expect_call(l2, 1, "CLGI not intercepted");
	l2_virtual_irq(l2, LOW_VECTOR);
	expect_call(l2, 2, "moved");
	expect_exit(l2, SVM_EXIT_STGI, "STGI after the move");
	check_rip(l2, at_stgi, "at STGI");
	check_v_gif(l2, false, "STGI intercepted");
	check_virq(l2, true, "STGI intercepted");
	l2_pass(l2, INTERCEPT_STGI);
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

	l2_intercept(l2, INTERCEPT_NMI);
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

/* ======== L2 halted ======== */

L2_CODE(sti_hlt, (void),
	"	sti\n"
	"at_hlt:\n"
	"	hlt\n"
	"behind_hlt:\n"
	"	nop\n");
extern char at_hlt[], behind_hlt[];

/* What the other CPU does while L2 is halted here, and what it sees. */
struct waker {
	int cpu;
	void (*send)(int cpu);
	volatile u32 halting, woken, sent, early, exits, rescued;
};

static void halt_in_l2(void *data)
{
	struct waker *waker = data;

	irq_disable();
	waker->halting = 1;
	sti_hlt();
	waker->woken++;
	l2_call(1);
}

/* Moves the machine, wakes L2, and sees to it that the test ends. */
static void move_then_wake(void *data)
{
	struct waker *waker = data;

	if (!wait_until(waker->halting, EVENT_PATIENCE_MS))
		return;
	delay_us(EVENT_SILENCE_US);
	migrate_quiet();
	delay_us(EVENT_SILENCE_US);
	waker->early = waker->woken + waker->exits;
	waker->sent = 1;
	if (waker->send)
		waker->send(waker->cpu);
	if (wait_until(waker->exits, EVENT_PATIENCE_MS))
		return;
	waker->rescued = 1;
	apic_send_ipi(waker->cpu, HIGH_VECTOR);
	if (!wait_until(waker->exits, EVENT_PATIENCE_MS))
		apic_send_nmi(waker->cpu);
}

/* Enters L2, which halts; what has woken it is its next exit. */
static struct l2 *halt_across_move(struct waker *waker, void (*send)(int cpu), int intercept)
{
	struct l2 *l2 = event_l2_new(halt_in_l2, waker);

	*waker = (struct waker){ .cpu = smp_id(), .send = send };
	if (intercept) {
		l2_intercept(l2, intercept);
		l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	}
	on_cpu_async(other_cpu(), move_then_wake, waker);
	clgi();
	event_enter_gif_clear(l2);
	waker->exits = 1;
	return l2;
}

static void check_halt(const struct waker *waker)
{
	on_cpu_wait(other_cpu());
	report(!waker->rescued, "L2 was woken by %s",
	       waker->rescued ? "a second interrupt or NMI, and not by what was sent first"
			      : "what was sent");
	report(!waker->early, "L2 slept until it was sent (%u)", waker->early);
}

static void check_halt_end(struct l2 *l2, const struct waker *waker)
{
	expect_call(l2, 1, "woken");
	report(waker->woken == 1, "L2 went on behind HLT once (%u times)", waker->woken);
	expect_end(l2);
	event_l2_free(l2);
}

/* Woken by what L1 intercepts. */
static void halt_and_exit(unsigned intercept, u64 exitcode, void (*send)(int cpu), u8 vector)
{
	struct waker waker;
	struct l2 *l2 = halt_across_move(&waker, send, intercept);

	exit_came(l2, exitcode, "halted");
	check_rip(l2, behind_hlt, "halted");
	report(!l1_count(), "L1 gets nothing before STGI (%u)", l1_count());
	stgi();
	l1_got("after STGI", vector);
	check_halt(&waker);
	check_halt_end(l2, &waker);
}

/* Woken by what L2 takes. */
static void halt_and_take(void (*send)(int cpu), u8 vector)
{
	struct waker waker;
	struct l2 *l2 = halt_across_move(&waker, send, 0);

	stgi();
	report(is_event(l2, vector, NO_CODE, (u64)behind_hlt), "halted: %s", what_came(l2));
	if (event_of(l2) != NO_EVENT)
		leave_event(l2);
	if (vector != NMI_VECTOR)
		eoi();
	l1_got_nothing("taken by L2");
	check_halt(&waker);
	check_halt_end(l2, &waker);
}

/*
 * A hypervisor that saves a halted L2 as one that runs wakes it for nothing; one that
 * restores it as a halted L1 never wakes it, or wakes L1.
 */
TEST(halt_intr_exit, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 halted in a move sleeps on; an intercepted IPI wakes it by an exit, once")
{
	halt_and_exit(INTERCEPT_INTR, SVM_EXIT_INTR, send_low, LOW_VECTOR);
}

TEST(halt_intr_taken, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 halted in a move sleeps on; an IPI that it takes wakes it, once")
{
	halt_and_take(send_low, LOW_VECTOR);
}

TEST(halt_nmi_exit, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 halted in a move sleeps on; an intercepted NMI wakes it by an exit, once")
{
	halt_and_exit(INTERCEPT_NMI, SVM_EXIT_NMI, apic_send_nmi, NMI_VECTOR);
}

TEST(halt_nmi_taken, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 halted in a move sleeps on; an NMI that it takes wakes it, once")
{
	halt_and_take(apic_send_nmi, NMI_VECTOR);
}

/* Nobody but L1's timer wakes it, after the move or in its midst. */
static void halt_with_timer(unsigned intercept)
{
	struct waker waker = { 0 };
	struct l2 *l2;

	apic_setup_timer(TIMER_VECTOR, APIC_LVT_TIMER_ONESHOT);
	apic_start_timer(apic_timer_hz() / 10);
	if (intercept) {
		l2 = halt_across_move(&waker, NULL, intercept);
		exit_came(l2, SVM_EXIT_INTR, "halted");
		check_rip(l2, behind_hlt, "halted");
		stgi();
		l1_got("after STGI", TIMER_VECTOR);
	} else {
		l2 = halt_across_move(&waker, NULL, 0);
		stgi();
		report(is_event(l2, TIMER_VECTOR, NO_CODE, (u64)behind_hlt), "halted: %s",
		       what_came(l2));
		if (event_of(l2) != NO_EVENT)
			leave_event(l2);
		apic_stop_timer();
		eoi();
	}
	report(!apic_read(APIC_TMCCT), "the timer had expired: current count %u",
	       apic_read(APIC_TMCCT));
	/* It may have expired before the other CPU was ready: "early" says nothing. */
	on_cpu_wait(other_cpu());
	report(!waker.rescued, "L2 was woken by the timer");
	apic_cleanup_timer();
	check_halt_end(l2, &waker);
}

TEST(halt_timer_exit, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 halted in a move is woken by L1's one-shot timer, with exit INTR, once")
{
	halt_with_timer(INTERCEPT_INTR);
}

TEST(halt_timer_taken, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 halted in a move is woken by the one-shot timer that it takes, once")
{
	halt_with_timer(0);
}

/* A hypervisor that halts L1 instead, or L2 although L1 intercepts it. */
TEST(halt_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "an intercepted HLT exits; moved there, L1 skips it and injects an interrupt")
{
	struct waker waker = { 0 };
	struct l2 *l2 = event_l2_new(halt_in_l2, &waker);

	l2_intercept(l2, INTERCEPT_HLT);
	expect_exit(l2, SVM_EXIT_HLT, "HLT");
	check_rip(l2, at_hlt, "HLT");
	report(l2->vmcb->control.interrupt_shadow & SVM_INTERRUPT_SHADOW_MASK,
	       "HLT is in the shadow of STI: 0x%lx", l2->vmcb->control.interrupt_shadow);
	migrate_quiet();
	l2_skip(l2, 1);
	l2_inject(l2, SVM_EVTINJ_TYPE_INTR | LOW_VECTOR);
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_hlt, "HLT skipped");
	expect_call(l2, 1, "HLT skipped");
	expect_end(l2);
	event_l2_free(l2);
}

/* ======== many ======== */

static void call_forever(void *data)
{
	for (;;)
		l2_call(1);
}

enum kind {
	INJECT_INTERRUPT,
	INJECT_NMI,
	INJECT_EXCEPTION,
	INJECT_EXCEPTION_WITH_CODE,
	VIRTUAL_INTERRUPT,
	INTERCEPTED_INTERRUPT,
	INTERCEPTED_NMI,
	KINDS,
};

/* Of one kind, through L2 and back; false, and said so, if not that came and nothing else. */
static bool one_event(struct l2 *l2, enum kind kind, u32 round)
{
	static const u8 vectors[] = { LOW_VECTOR, TIMER_VECTOR, HIGH_VECTOR };
	struct vmcb_control_area *control = &l2->vmcb->control;
	u8 vector = 0x30 + round % 0xb0;
	u64 rip = l2->vmcb->save.rip, code = NO_CODE;
	u64 exitcode = SVM_EXIT_VMMCALL;
	bool good = true;

	/* After a move it would not be the move that is tested: see after_move(). */
	if (kind == VIRTUAL_INTERRUPT && is_tcg())
		kind = INJECT_INTERRUPT;
	switch (kind) {
	case INJECT_INTERRUPT:
		l2_inject(l2, SVM_EVTINJ_TYPE_INTR | vector);
		break;
	case INJECT_NMI:
		vector = NMI_VECTOR;
		l2_inject(l2, SVM_EVTINJ_TYPE_NMI | vector);
		break;
	case INJECT_EXCEPTION:
		vector = UD_VECTOR;
		l2_inject(l2, SVM_EVTINJ_TYPE_EXEPT | vector);
		break;
	case INJECT_EXCEPTION_WITH_CODE:
		vector = GP_VECTOR;
		code = round << 3 & 0xfff8;
		l2_inject(l2, SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | vector |
				      code << SVM_EVTINJ_ERR_SHIFT);
		break;
	case VIRTUAL_INTERRUPT:
		l2_virtual_irq(l2, vector);
		break;
	case INTERCEPTED_INTERRUPT:
		vector = vectors[round / KINDS % ARRAY_SIZE(vectors)];
		exitcode = SVM_EXIT_INTR;
		break;
	default:
		vector = NMI_VECTOR;
		exitcode = SVM_EXIT_NMI;
	}
	clgi();
	if (kind == INTERCEPTED_INTERRUPT)
		pend(vector);
	if (kind == INTERCEPTED_NMI)
		apic_send_nmi(smp_id());
	event_enter_gif_clear(l2);
	if (exitcode == SVM_EXIT_VMMCALL)
		good &= is_event(l2, vector, code, rip);
	else
		good &= control->exitcode == exitcode && l2->vmcb->save.rip == rip;
	good &= !(control->v_intr & V_IRQ_MASK) && !l1_count();
	if (!good)
		report_fail("round %u, kind %u, vector 0x%x, error code 0x%lx, rip 0x%lx: %s; L1 "
			    "got %u events before STGI",
			    round, kind, vector, code, rip, what_came(l2), l1_count());
	stgi();
	if (exitcode != SVM_EXIT_VMMCALL && !(wait_until(l1_count(), EVENT_PATIENCE_MS) &&
					      l1_count() == 1 && l1_first() == vector)) {
		report_fail("round %u, kind %u, vector 0x%x: L1 got %u events, the first 0x%x",
			    round, kind, vector, l1_count(), l1_first());
		good = false;
	}
	l1_forget();
	if (event_of(l2) != NO_EVENT)
		leave_event(l2);
	l2_enter(l2);
	if (event_of(l2) != NO_EVENT || !l2_is_call(l2, 1) || l1_count()) {
		report_fail("round %u, kind %u, vector 0x%x: and then %s; L1 got %u events", round,
			    kind, vector, what_came(l2), l1_count());
		good = false;
	}
	l2_skip_call(l2);
	return good;
}

/*
 * What goes wrong only when the move comes at a certain instruction: between VMRUN and the
 * delivery, between #VMEXIT and STGI, in the handler. Every event is another than the last.
 */
TEST(many_events, .on = EACH_CPU, .needs = SVM,
     .about = "of many events, each of another kind than the last, L2 or L1 gets each once")
{
	struct l2 *l2 = event_l2_new(call_forever, NULL);
	u32 rounds = scaled_count(3000, 10 * KINDS), round;

	l2_intercept(l2, INTERCEPT_INTR);
	l2_intercept(l2, INTERCEPT_NMI);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	expect_call(l2, 1, "the first call");
	for (round = 0; round < rounds; round++)
		if (!one_event(l2, round % KINDS, round))
			break;
	report(round == rounds, "%u of %u events came as they should", round, rounds);
	event_l2_free(l2);
}
