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
 * How the tests see it: L2 has an IDT of its own, all of whose gates lead to VMMCALL and
 * IRET. So every event in L2 is an exit at its handler's first instruction, where L1
 * looks at the vector, the stack frame and the VMCB (expect_event); after that L2 goes on
 * by IRET. L2 says by l2_call() how far it has come, and the order of its exits is the
 * order of events: one that is lost lets the next call through, one that is doubled comes
 * where a call should. Events in L1 are logged by its handlers (l1_got).
 *
 * They cannot tell an event that is late by some instructions from one that is in
 * time where it comes from an interrupt controller, since nothing says how fast that is;
 * virtual interrupts and single steps are held to the very instruction.
 *
 * QEMU's TCG may deliver twice what a hypervisor injects as an interrupt, unless the
 * next #VMEXIT comes first (docs/findings.md). In L2 the handler's first instruction is
 * that exit, but for once in some thousand events, when the second one interrupts the
 * handler before it (enter_for_event); in L1 the local APIC knows: the surplus is not in
 * service. Both are XFAIL where the CPU says that it is TCG, and FAIL elsewhere.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "apic.h"
#include "barrier.h"
#include "desc.h"
#include "isr.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "svm.h"

/* Interrupts of different priority classes: 5, 7, 10. */
#define LOW   0x51
#define TIMER 0x71
#define HIGH  0xa1

#define CLASS(vector) ((vector) >> 4)

/* How long what should come may take, and for how long nothing should. */
#define PATIENCE_MS 5000
#define SILENCE_US  200

#define DR6_B0	    BIT(0)
#define DR6_BS	    BIT(14)
#define DR7_L0	    BIT(0)
#define DR7_WRITE_0 (1ul << 16)
#define DR7_LEN8_0  (2ul << 18)

/* ======== L1's events ======== */

#define LOG_MAX 16

struct log {
	u32 count;
	u8 vector[LOG_MAX];
};

static PER_CPU(struct log, l1_log);
/* The same for L2, where a test gives it handlers in C. */
static PER_CPU(struct log, l2_log);
/* Interrupts in L1 that the local APIC did not have in service. */
static PER_CPU(u32, surplus);
/* Interrupts in L2 that came once more before their handler had begun. */
static PER_CPU(u32, doubled);
/* The timer's initial count stays when it has fired. */
static PER_CPU(bool, keep_timer);
/* The L2 of the running test. */
static PER_CPU(struct l2 *, guest);

static void note(struct log *log, u8 vector)
{
	if (log->count < LOG_MAX)
		log->vector[log->count] = vector;
	WRITE_ONCE(log->count, log->count + 1);
}

static bool in_l2(const struct ex_regs *regs)
{
	u64 stack = (u64)this_cpu(guest)->stack;

	return regs->rsp > stack && regs->rsp <= stack + 4 * PAGE_SIZE;
}

static void note_interrupt(isr_regs_t *regs)
{
	if (!apic_read_bit(APIC_ISR, regs->vector)) {
		this_cpu(surplus)++;
		return;
	}
	note(&this_cpu(l1_log), regs->vector);
	/* KVM lets one that has expired fire again after a move: timer_fires_once. */
	if (regs->vector == TIMER && !this_cpu(keep_timer))
		apic_stop_timer();
	eoi();
}

static void note_nmi(struct ex_regs *regs)
{
	note(in_l2(regs) ? &this_cpu(l2_log) : &this_cpu(l1_log), NMI_VECTOR);
}

static const char *log_text(const u8 *vectors, u32 count, char *text, size_t size)
{
	int length = 0;

	text[0] = '\0';
	for (u32 i = 0; i < count && i < LOG_MAX && length < (int)size; i++)
		length += vectors[i] == NMI_VECTOR
				  ? snprintf(text + length, size - length, "%sNMI", i ? ", " : "")
				  : snprintf(text + length, size - length, "%s0x%x", i ? ", " : "",
					     vectors[i]);
	return count ? text : "nothing";
}

static u32 l1_count(void)
{
	return READ_ONCE(this_cpu(l1_log).count);
}

/* A check: these came to L1, in this order, since the last check; it waits for them. */
static bool check_l1(const char *when, const u8 *vectors, u32 count)
{
	struct log *log = &this_cpu(l1_log);
	char is[80], should[80];
	bool good;
	u64 flags;

	if (count)
		wait_until(l1_count() >= count, PATIENCE_MS);
	flags = irq_save();
	good = log->count == count && !memcmp(log->vector, vectors, count);
	log_text(log->vector, log->count, is, sizeof(is));
	report(good, "%s: L1 got %s%s%s (%u events)", when, log->count ? is : "nothing",
	       good ? "" : " instead of ",
	       good ? "" : log_text(vectors, count, should, sizeof(should)), log->count);
	log->count = 0;
	irq_restore(flags);
	return good;
}

#define l1_got(when, ...)                                                                          \
	check_l1(when, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))
#define l1_got_nothing(when) check_l1(when, NULL, 0)

/* ======== L2's events ======== */

/* Vectors that push an error code, as in entry.S. */
asm(".pushsection .text\n"
    "	.balign 16\n"
    "traps:\n"
    "	.set trap, 0\n"
    "	.rept 256\n"
    "	.balign 16\n"
    "	vmmcall\n"
    "	.if trap == 8 || (trap >= 10 && trap <= 14) || trap == 17 || trap == 21 || "
    "	    trap == 29 || trap == 30\n"
    "	add $8, %rsp\n"
    "	.endif\n"
    "	iretq\n"
    "	.set trap, trap + 1\n"
    "	.endr\n"
    ".popsection\n");
extern char traps[256][16];

#define NO_EVENT (-1)
/* For expect_event(). */
#define ANYWHERE 0
#define NO_CODE	 0

struct frame {
	u64 rip, cs, rflags, rsp, ss;
};

static PER_CPU(idt_entry_t *, l2_idt);
/* Of the last event that expect_event() saw. */
static PER_CPU(struct frame, last_frame);

static void set_gate(int vector, const void *address)
{
	u64 offset = (u64)address;

	this_cpu(l2_idt)[vector] = (idt_entry_t){
		.offset0 = offset,
		.selector = KERNEL_CS,
		.type_attributes = 0x8e,
		.offset1 = offset >> 16,
		.offset2 = offset >> 32,
	};
}

/* To L1's handler of the vector, on L2's own stack. */
static void set_gate_to_library(int vector)
{
	struct descriptor_table_ptr idtr;

	sidt(&idtr);
	this_cpu(l2_idt)[vector] = ((const idt_entry_t *)idtr.base)[vector];
	this_cpu(l2_idt)[vector].ist = 0;
}

static bool pushes_error_code(int vector)
{
	return vector == DF_VECTOR || (vector >= TS_VECTOR && vector <= PF_VECTOR) ||
	       vector == AC_VECTOR || vector == CP_VECTOR || vector == VC_VECTOR ||
	       vector == SX_VECTOR;
}

/* The vector whose handler in L2 has just begun, or NO_EVENT. */
static int event_of(const struct l2 *l2)
{
	u64 offset = l2->vmcb->save.rip - (u64)traps;

	if (l2->vmcb->control.exitcode != SVM_EXIT_VMMCALL || offset >= sizeof(traps) ||
	    offset % sizeof(traps[0]))
		return NO_EVENT;
	return offset / sizeof(traps[0]);
}

static const struct frame *frame_of(const struct l2 *l2)
{
	return (const void *)(l2->vmcb->save.rsp + 8 * pushes_error_code(event_of(l2)));
}

static u64 error_code_of(const struct l2 *l2)
{
	return pushes_error_code(event_of(l2)) ? *(const u64 *)l2->vmcb->save.rsp : NO_CODE;
}

/* The last exit in words; good until this CPU's next call. */
static const char *what_came(const struct l2 *l2)
{
	static PER_CPU(char, buffer[200]);
	char *text = this_cpu(buffer);

	if (event_of(l2) == NO_EVENT)
		return l2_exit_text(l2);
	snprintf(text, sizeof(buffer),
		 "vector 0x%x in L2 at rip 0x%lx, rflags 0x%lx, error code 0x%lx, V_INTR 0x%lx, "
		 "EVENTINJ 0x%lx",
		 event_of(l2), frame_of(l2)->rip, frame_of(l2)->rflags, error_code_of(l2),
		 l2->vmcb->control.v_intr, l2->vmcb->control.eventinj);
	return text;
}

/* Whether the last exit is the beginning of this event's handler, and all is as it should be. */
static bool is_event(const struct l2 *l2, int vector, u64 error_code, u64 rip)
{
	const struct frame *frame = frame_of(l2);
	u64 pushed = sizeof(*frame) + 8 * pushes_error_code(vector);

	return event_of(l2) == vector && error_code_of(l2) == error_code &&
	       (rip == ANYWHERE || frame->rip == rip) && frame->cs == KERNEL_CS &&
	       frame->ss == KERNEL_DS && (frame->rsp & ~15ul) - pushed == l2->vmcb->save.rsp &&
	       !(l2->vmcb->save.rflags & (X86_EFLAGS_IF | X86_EFLAGS_TF));
}

/* L2 will go on by IRET. */
static void leave_event(struct l2 *l2)
{
	l2_skip_call(l2);
}

/* An interrupt whose frame is that of its own handler, before its first instruction. */
static bool came_twice(const struct l2 *l2)
{
	int vector = event_of(l2);

	return vector >= 32 && frame_of(l2)->rip == (u64)traps[vector] &&
	       !(frame_of(l2)->rflags & X86_EFLAGS_IF);
}

/* Enters L2, GIF staying clear; a second delivery is counted, and left for the first. */
static void enter_for_event(struct l2 *l2)
{
	l2_enter_gif_clear(l2);
	while (came_twice(l2)) {
		this_cpu(doubled)++;
		leave_event(l2);
		l2_enter_gif_clear(l2);
	}
}

/* A check: L2 goes on, and what comes next is this event, at this address. */
static bool expect_event(struct l2 *l2, int vector, u64 error_code, u64 rip, const char *when)
{
	bool good;

	clgi();
	enter_for_event(l2);
	stgi();
	good = is_event(l2, vector, error_code, rip);
	if (good)
		report_pass("%s: vector 0x%x in L2, error code 0x%lx, at rip 0x%lx", when, vector,
			    error_code, frame_of(l2)->rip);
	else
		report_fail("%s: instead of vector 0x%x, error code 0x%lx, at rip 0x%lx: %s", when,
			    vector, error_code, rip, what_came(l2));
	if (event_of(l2) != NO_EVENT) {
		this_cpu(last_frame) = *frame_of(l2);
		leave_event(l2);
	}
	return good;
}

static bool is_call(const struct l2 *l2, u64 number)
{
	return event_of(l2) == NO_EVENT && l2_is_call(l2, number);
}

/* A check of the last exit: L2 has come to this call, behind which it will go on. */
static bool came_to(struct l2 *l2, u64 number, const char *when)
{
	bool good = is_call(l2, number);

	if (good)
		report_pass("%s: L2 came to its call %lu", when, number);
	else
		report_fail("%s: L2 should have come to its call %lu: %s", when, number,
			    what_came(l2));
	if (good || event_of(l2) != NO_EVENT)
		l2_skip_call(l2);
	return good;
}

static bool expect_call(struct l2 *l2, u64 number, const char *when)
{
	l2_enter(l2);
	return came_to(l2, number, when);
}

static bool exit_is(struct l2 *l2, u64 exitcode, const char *when)
{
	if (l2->vmcb->control.exitcode == exitcode)
		report_pass("%s: exit %s", when, svm_exit_name(exitcode));
	else
		report_fail("%s: instead of exit %s: %s", when, svm_exit_name(exitcode),
			    what_came(l2));
	return l2->vmcb->control.exitcode == exitcode;
}

static bool expect_exit(struct l2 *l2, u64 exitcode, const char *when)
{
	l2_enter(l2);
	return exit_is(l2, exitcode, when);
}

static bool expect_end(struct l2 *l2)
{
	l2_enter(l2);
	if (is_call(l2, L2_RETURNED))
		report_pass("nothing more came to L2 until its end");
	else
		report_fail("L2 should have come to its end: %s", what_came(l2));
	return is_call(l2, L2_RETURNED);
}

static bool check_virq(const struct l2 *l2, bool pending, const char *when)
{
	return report(!!(l2->vmcb->control.v_intr & V_IRQ_MASK) == pending,
		      "%s: V_IRQ is %s: V_INTR 0x%lx", when, pending ? "still set" : "clear",
		      l2->vmcb->control.v_intr);
}

static bool check_rip(const struct l2 *l2, const void *rip, const char *when)
{
	return report(l2->vmcb->save.rip == (u64)rip, "%s: L2's rip 0x%lx, should be 0x%lx", when,
		      l2->vmcb->save.rip, (u64)rip);
}

/* ======== beginning and end ======== */

static const u8 interrupts[] = { LOW, TIMER, HIGH };

/* An L2 with an IDT of its own, and handlers for L1. */
static struct l2 *begin(void (*code)(void *data), void *data)
{
	struct l2 *l2 = l2_new(code, data);
	int cpu;

	this_cpu(guest) = l2;
	for_each_cpu (cpu)
		*cpu_ptr(l1_log, cpu) = *cpu_ptr(l2_log, cpu) = (struct log){ 0 };
	this_cpu(surplus) = 0;
	this_cpu(doubled) = 0;
	this_cpu(keep_timer) = false;
	for (unsigned i = 0; i < ARRAY_SIZE(interrupts); i++)
		handle_irq(interrupts[i], note_interrupt);
	handle_exception(NMI_VECTOR, note_nmi);
	if (!this_cpu(l2_idt))
		this_cpu(l2_idt) = alloc_page();
	for (int vector = 0; vector < 256; vector++)
		set_gate(vector, traps[vector]);
	l2->vmcb->save.idtr.base = (u64)this_cpu(l2_idt);
	l2->vmcb->save.idtr.limit = PAGE_SIZE - 1;
	return l2;
}

/* Nothing else has come, here or to another CPU. */
static void end(struct l2 *l2)
{
	u32 elsewhere = 0;
	int cpu;

	write_cr8(0);
	irq_enable();
	delay_us(SILENCE_US);
	for_each_cpu (cpu)
		if (cpu != smp_id())
			elsewhere += cpu_ptr(l1_log, cpu)->count;
	l1_got_nothing("and then");
	report_if_failed(!elsewhere, "other CPUs got %u events", elsewhere);
	if (this_cpu(surplus))
		report_xfail(is_tcg(), false,
			     "L1 got %u interrupts that were not in service in its local APIC",
			     this_cpu(surplus));
	if (this_cpu(doubled))
		report_xfail(is_tcg(), false,
			     "L2 got %u interrupts twice, before their handler's first instruction",
			     this_cpu(doubled));
	for (unsigned i = 0; i < ARRAY_SIZE(interrupts); i++)
		unhandle_irq(interrupts[i]);
	handle_exception(NMI_VECTOR, NULL);
	l2_free(l2);
}

static void l2_irq_off(struct l2 *l2)
{
	l2->vmcb->save.rflags &= ~X86_EFLAGS_IF;
}

static bool is_pending(u8 vector)
{
	return apic_read_bit(APIC_IRR, vector);
}

/* Sends it to this CPU, where it waits. Not for where it would be taken at once. */
static void pend(u8 vector)
{
	apic_send_self_ipi(vector);
	wait_for(is_pending(vector), PATIENCE_MS, "vector 0x%x to be pending in the local APIC",
		 vector);
}

static void check_pending(u8 vector, const char *when)
{
	report(is_pending(vector), "%s: vector 0x%x is still pending in the local APIC", when,
	       vector);
}

/* ======== code for L2 whose addresses matter ======== */

#define CODE(name, arguments, body)                                                                \
	asm(".pushsection .text\n" #name ":\n" body "	ret\n.popsection\n");                      \
	void name arguments

CODE(sti_nop, (void),
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
	struct l2 *l2 = begin(count_run, (void *)&runs);
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
		report(this_cpu(last_frame).rsp == rsp, "rsp on the stack is 0x%lx, was 0x%lx",
		       this_cpu(last_frame).rsp, rsp);
	report(save->cr2 == cr2, "L2's CR2 is 0x%lx, was set to 0x%lx", save->cr2, cr2);
	report(!runs, "L2's code did not run before its event (%u times)", runs);
	expect_end(l2);
	report(runs == 1, "L2's code ran once (%u times)", runs);
	end(l2);
}

#define INJECT(name, words, event, error_code)                                                     \
	TEST(inject_##name, .on = EACH_CPU, .needs = SVM,                                          \
	     .about = words " in EVENTINJ during the move is delivered once, as it was set")       \
	{                                                                                          \
		inject_across_move(event, error_code);                                             \
	}

INJECT(interrupt, "an interrupt", SVM_EVTINJ_TYPE_INTR | HIGH, 0)
INJECT(nmi, "an NMI", SVM_EVTINJ_TYPE_NMI | NMI_VECTOR, 0)
INJECT(exception, "an exception", SVM_EVTINJ_TYPE_EXEPT | UD_VECTOR, 0)
INJECT(exception_with_code, "an exception with an error code",
       SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | GP_VECTOR, 0x5a8)
INJECT(page_fault, "a page fault", SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | PF_VECTOR,
       PFERR_WRITE_MASK | PFERR_PRESENT_MASK)
INJECT(software_interrupt, "a software interrupt", SVM_EVTINJ_TYPE_SOFT | LOW, 0)

/* ======== V_IRQ ======== */

/*
 * QEMU's TCG takes a virtual interrupt for an exception if a page of the hypervisor's is
 * missing while it is delivered (docs/findings.md), as after a move. There, L2 looks at what
 * delivery needs; elsewhere the missing page is a part of the test.
 */
static void after_move(void)
{
	const volatile u8 *gates = (const volatile u8 *)this_cpu(l2_idt);

	if (!is_tcg())
		return;
	for (unsigned i = 0; i < PAGE_SIZE; i += 256)
		(void)gates[i];
	for (unsigned i = 0; i < sizeof(traps); i += 256)
		(void)*(const volatile u8 *)&traps[0][i];
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
	struct l2 *l2 = begin(masked_by_if, NULL);

	l2_irq_off(l2);
	l2_virtual_irq(l2, LOW);
	expect_call(l2, 1, "interrupts off in L2");
	check_virq(l2, true, "interrupts off in L2");
	expect_event(l2, LOW, NO_CODE, (u64)behind_sti, "after STI");
	report(this_cpu(last_frame).rflags & X86_EFLAGS_IF, "taken with IF set: rflags 0x%lx",
	       this_cpu(last_frame).rflags);
	check_virq(l2, false, "taken");
	expect_call(l2, 2, "taken");
	expect_end(l2);
	end(l2);
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
	struct l2 *l2 = begin(masked_by_v_tpr, (void *)priority);
	struct vmcb_control_area *control = &l2->vmcb->control;

	control->v_intr |= V_INTR_MASKING_MASK | priority;
	l2_virtual_irq(l2, LOW);
	expect_call(l2, 1, "behind V_TPR");
	check_virq(l2, true, "behind V_TPR");
	report((control->v_intr & V_TPR_MASK) == priority, "V_TPR is %lu, should be %lu",
	       control->v_intr & V_TPR_MASK, priority);
	control->v_intr = (control->v_intr & ~V_TPR_MASK) | (CLASS(LOW) - 1);
	expect_event(l2, LOW, NO_CODE, l2->vmcb->save.rip, "V_TPR lowered by L1");
	check_virq(l2, false, "taken");
	report(read_cr8() == 0, "L1's CR8 is %lu, should be 0", read_cr8());
	expect_call(l2, 2, "taken");
	expect_end(l2);
	end(l2);
}

/*
 * A hypervisor that forgets V_TPR or V_INTR_PRIO lets the interrupt in after the
 * move, or never; one that mixes up V_TPR and the TPR of L1's APIC changes L1's CR8.
 */
TEST(virq_behind_tpr, .on = EACH_CPU, .needs = SVM,
     .about = "a virtual interrupt that V_TPR holds back comes once, when V_TPR is lowered")
{
	virq_behind_tpr(CLASS(LOW) + 1);
}

/* "V_INTR_PRIO > V_TPR": the same priority holds it back too. */
TEST(virq_behind_equal_tpr, .on = EACH_CPU, .needs = SVM,
     .about = "a virtual interrupt is held back by a V_TPR that is its priority")
{
	virq_behind_tpr(CLASS(LOW));
}

FEATURE(CR8_WITH_VIRQ, "a CPU that is not QEMU's TCG, which may end there with an assertion")
{
	return !is_tcg();
}

CODE(lower_cr8, (u64 priority),
     "	mov %rdi, %cr8\n"
     "behind_cr8:\n"
     "	nop\n");
extern char behind_cr8[];

static void masked_by_cr8(void *data)
{
	write_cr8(CLASS(LOW));
	irq_enable();
	migrate_quiet();
	report(read_cr8() == CLASS(LOW), "L2 reads CR8 %lu, wrote %u", read_cr8(), CLASS(LOW));
	l2_call(1);
	lower_cr8(CLASS(LOW) - 1);
	l2_call(2);
}

/* The same where nothing but L2 itself touches V_TPR. */
TEST(virq_behind_cr8, .on = EACH_CPU, .needs = ALL_OF(SVM, CR8_WITH_VIRQ),
     .about = "a virtual interrupt that L2's CR8 holds back comes once, when CR8 is lowered")
{
	struct l2 *l2 = begin(masked_by_cr8, NULL);
	struct vmcb_control_area *control = &l2->vmcb->control;

	l2_irq_off(l2);
	control->v_intr |= V_INTR_MASKING_MASK;
	l2_virtual_irq(l2, LOW);
	expect_call(l2, 1, "CR8 raised in L2");
	check_virq(l2, true, "CR8 raised in L2");
	expect_event(l2, LOW, NO_CODE, (u64)behind_cr8, "CR8 lowered in L2");
	check_virq(l2, false, "taken");
	report((control->v_intr & V_TPR_MASK) == CLASS(LOW) - 1, "V_TPR is %lu, should be %u",
	       control->v_intr & V_TPR_MASK, CLASS(LOW) - 1);
	expect_call(l2, 2, "taken");
	expect_end(l2);
	end(l2);
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
	struct l2 *l2 = begin(masked_by_if_and_tpr, NULL);

	l2_irq_off(l2);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK | V_IGN_TPR_MASK | 15;
	l2_virtual_irq(l2, LOW);
	expect_event(l2, LOW, NO_CODE, (u64)behind_sti, "V_TPR 15, V_IGN_TPR set");
	check_virq(l2, false, "taken");
	expect_call(l2, 1, "taken");
	expect_end(l2);
	end(l2);
}

CODE(call_nops, (void),
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
	struct l2 *l2 = begin(in_call_nops, NULL);

	expect_call(l2, 1, "before");
	l2->vmcb->control.interrupt_shadow |= SVM_INTERRUPT_SHADOW_MASK;
	l2_virtual_irq(l2, LOW);
	migrate_quiet();
	expect_event(l2, LOW, NO_CODE, (u64)behind_shadow, "one instruction later");
	check_virq(l2, false, "taken");
	expect_call(l2, 2, "taken");
	expect_end(l2);
	end(l2);
}

CODE(sti_cpuid, (void),
     "	push %rbx\n"
     "	cli\n"
     "	sti\n"
     "in_sti_shadow:\n"
     "	cpuid\n"
     "behind_sti_shadow:\n"
     "	nop\n"
     "	pop %rbx\n");
extern char in_sti_shadow[], behind_sti_shadow[];

CODE(mov_ss_cpuid, (void),
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
	struct l2 *l2 = begin(in_shadow, code);

	l2_intercept(l2, INTERCEPT_CPUID);
	expect_exit(l2, SVM_EXIT_CPUID, "in the shadow");
	check_rip(l2, inside, "in the shadow");
	report(l2->vmcb->control.interrupt_shadow & SVM_INTERRUPT_SHADOW_MASK,
	       "INTERRUPT_SHADOW is set: 0x%lx", l2->vmcb->control.interrupt_shadow);
	l2_pass(l2, INTERCEPT_CPUID);
	l2_virtual_irq(l2, LOW);
	migrate_quiet();
	expect_event(l2, LOW, NO_CODE, (u64)behind, "behind the shadow");
	report(!(l2->vmcb->control.interrupt_shadow & SVM_INTERRUPT_SHADOW_MASK),
	       "INTERRUPT_SHADOW is clear in the handler: 0x%lx",
	       l2->vmcb->control.interrupt_shadow);
	expect_call(l2, 1, "taken");
	expect_end(l2);
	end(l2);
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
	struct l2 *l2 = begin(masked_by_if, NULL);

	l2_irq_off(l2);
	l2_intercept(l2, INTERCEPT_VINTR);
	l2_virtual_irq(l2, LOW);
	expect_call(l2, 1, "interrupts off in L2");
	check_virq(l2, true, "interrupts off in L2");
	expect_exit(l2, SVM_EXIT_VINTR, "after STI");
	check_rip(l2, behind_sti, "after STI");
	check_virq(l2, true, "at the exit");
	l2_pass(l2, INTERCEPT_VINTR);
	expect_event(l2, LOW, NO_CODE, (u64)behind_sti, "without the intercept");
	check_virq(l2, false, "taken");
	expect_call(l2, 2, "taken");
	expect_end(l2);
	end(l2);
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
	struct l2 *l2 = begin(keep_if, NULL);

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
	end(l2);
}

/* ======== interrupts of L1's local APIC ======== */

/* For L2, whose interrupts go to L1's handlers in L1: until L1 says that it has come. */
static volatile bool seen;

static void await_seen(void)
{
	wait_until(READ_ONCE(seen), PATIENCE_MS);
}

static void pend_behind_if(void *data)
{
	irq_disable();
	pend(LOW);
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
	struct l2 *l2 = begin(pend_behind_if, NULL);

	seen = false;
	l2_irq_off(l2);
	l2_intercept(l2, INTERCEPT_INTR);
	irq_disable();
	expect_call(l2, 1, "interrupts off in L2");
	check_pending(LOW, "interrupts off in L2");
	expect_exit(l2, SVM_EXIT_INTR, "L2 has set IF");
	l1_got_nothing("IF of L1 is off");
	check_pending(LOW, "INTR does not acknowledge");
	irq_enable();
	l1_got("L1 has set IF", LOW);
	seen = true;
	expect_call(l2, 2, "after INTR");
	expect_end(l2);
	end(l2);
}

/* The same interrupt for L2: one that is given to L1's IDT, or to both. */
TEST(intr_taken_by_l2, .on = EACH_CPU, .needs = SVM,
     .about = "without V_INTR_MASKING and intercept L2 takes an interrupt when it sets IF, once")
{
	struct l2 *l2 = begin(pend_behind_if, NULL);

	seen = false;
	l2_irq_off(l2);
	irq_disable();
	expect_call(l2, 1, "interrupts off in L2");
	check_pending(LOW, "interrupts off in L2");
	expect_event(l2, LOW, NO_CODE, ANYWHERE, "L2 has set IF");
	report(this_cpu(last_frame).rflags & X86_EFLAGS_IF, "taken with IF set: rflags 0x%lx",
	       this_cpu(last_frame).rflags);
	report(apic_read_bit(APIC_ISR, LOW) && !is_pending(LOW),
	       "it is in service in the local APIC, and no longer pending");
	eoi();
	seen = true;
	expect_call(l2, 2, "taken");
	expect_end(l2);
	end(l2);
}

static void pend_under_host_if(void *data)
{
	pend(LOW);
	migrate_quiet();
	report(is_pending(LOW), "L2, its IF set, is not interrupted: vector 0x%x is pending", LOW);
	l2_call(1);
}

/* A hypervisor that asks L2's IF though V_INTR_MASKING says L1's. */
TEST(intr_behind_if_of_l1, .on = EACH_CPU, .needs = SVM,
     .about = "with V_INTR_MASKING and IF of L1 clear an interrupt waits for L1 while L2 runs")
{
	struct l2 *l2 = begin(pend_under_host_if, NULL);

	l2_intercept(l2, INTERCEPT_INTR);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	irq_disable();
	expect_call(l2, 1, "IF set in L2, clear in L1");
	expect_end(l2);
	l1_got_nothing("IF of L1 is off");
	check_pending(LOW, "IF of L1 is off");
	irq_enable();
	l1_got("L1 has set IF", LOW);
	end(l2);
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
	struct l2 *l2 = begin(call_once, NULL);
	u64 rip = l2->vmcb->save.rip;

	l2_intercept(l2, INTERCEPT_INTR);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	clgi();
	pend(LOW);
	l2_enter_gif_clear(l2);
	exit_is(l2, SVM_EXIT_INTR, "VMRUN with an interrupt pending");
	migrate_quiet();
	check_pending(LOW, "between #VMEXIT and STGI");
	report(!l1_count(), "L1 gets no interrupt before STGI (%u)", l1_count());
	l2_enter_gif_clear(l2);
	exit_is(l2, SVM_EXIT_INTR, "VMRUN again");
	check_rip(l2, (void *)rip, "no instruction of L2 ran");
	stgi();
	l1_got("after STGI", LOW);
	expect_call(l2, 1, "nothing pending");
	expect_end(l2);
	end(l2);
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

	wait_until(sender->running, PATIENCE_MS);
	migrate_quiet();
	sender->sent = 1;
	sender->send(sender->cpu);
}

static void send_low(int cpu)
{
	apic_send_ipi(cpu, LOW);
}

static int other_cpu(void)
{
	return (smp_id() + 1) % cpu_count();
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
	struct l2 *l2 = begin(spin_until_seen, &sender);

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
	end(l2);
}

/* A hypervisor that saves a running L2 as L1, or in which a kick looks like an interrupt. */
TEST(intr_from_other_cpu, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 is moved at any instruction; an interrupt from another CPU exits it, once")
{
	moved_from_outside(INTERCEPT_INTR, SVM_EXIT_INTR, send_low, LOW);
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
	delay_us(SILENCE_US);
	l2_call(1);
}

static void timer_of_l1(void (*code)(void *data), bool keep)
{
	struct l2 *l2 = begin(code, NULL);
	int exits = 0;

	seen = false;
	this_cpu(keep_timer) = keep;
	l2_intercept(l2, INTERCEPT_INTR);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	apic_setup_timer(TIMER, APIC_LVT_TIMER_ONESHOT);
	if (!keep)
		apic_start_timer(apic_timer_hz() / 20);
	/* It may expire in the middle of the move's conversation: no word before L2's call. */
	while (l2_enter(l2) == SVM_EXIT_INTR && exits < 100) {
		exits++;
		seen = l1_count();
	}
	came_to(l2, 1, "the timer has expired");
	report(exits == 1, "%d exits INTR", exits);
	l1_got("one timer", TIMER);
	expect_end(l2);
	apic_cleanup_timer();
	end(l2);
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
	struct l2 *l2 = begin(change_cr8, NULL);

	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK | 5;
	write_cr8(2);
	expect_call(l2, 1, "L2 has changed CR8");
	report((l2->vmcb->control.v_intr & V_TPR_MASK) == 7, "V_TPR is %lu, should be 7",
	       l2->vmcb->control.v_intr & V_TPR_MASK);
	report(read_cr8() == 2, "L1's CR8 is %lu, should be 2", read_cr8());
	expect_end(l2);
	report(read_cr8() == 2, "L1's CR8 is %lu, should be 2", read_cr8());
	write_cr8(0);
	end(l2);
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
	struct l2 *l2 = begin(change_shared_cr8, NULL);

	write_cr8(2);
	expect_call(l2, 1, "L2 has changed CR8");
	report(read_cr8() == 7, "L1's CR8 is %lu, should be 7", read_cr8());
	expect_end(l2);
	write_cr8(0);
	end(l2);
}

static void pend_behind_tpr(void *data)
{
	pend(LOW);
	migrate_quiet();
	report(is_pending(LOW), "behind L1's TPR vector 0x%x is pending, though V_TPR is 0", LOW);
	write_cr8(15);
	l2_call(1);
	apic_send_self_ipi(HIGH);
	await_seen();
	l2_call(2);
}

/* A hypervisor that asks V_TPR about interrupts of the local APIC, or L1's TPR never. */
TEST(tpr_of_l1_holds, .on = EACH_CPU, .needs = SVM,
     .about = "with V_INTR_MASKING L1's TPR decides which interrupts exit L2, V_TPR does not")
{
	struct l2 *l2 = begin(pend_behind_tpr, NULL);

	seen = false;
	l2_intercept(l2, INTERCEPT_INTR);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	write_cr8(CLASS(LOW));
	expect_call(l2, 1, "an interrupt behind L1's TPR");
	l1_got_nothing("behind the TPR");
	expect_exit(l2, SVM_EXIT_INTR, "a higher one, V_TPR is 15");
	l1_got("the higher one", HIGH);
	seen = true;
	expect_call(l2, 2, "the lower one waits");
	check_pending(LOW, "behind the TPR");
	expect_end(l2);
	write_cr8(0);
	l1_got("the TPR is 0", LOW);
	end(l2);
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
	struct l2 *l2 = begin(send_nmi_to_self, NULL);

	seen = false;
	l2_intercept(l2, INTERCEPT_NMI);
	clgi();
	l2_enter_gif_clear(l2);
	exit_is(l2, SVM_EXIT_NMI, "L2 has sent an NMI");
	migrate_quiet();
	report(!l1_count(), "L1 gets no NMI before STGI (%u)", l1_count());
	stgi();
	l1_got("after STGI", NMI_VECTOR);
	seen = true;
	expect_call(l2, 1, "nothing is left");
	expect_end(l2);
	end(l2);
}

/* What the handler of NMIs in L2 saw. */
static struct {
	volatile u32 begun, ended, nested, early;
	bool move;
} nmi;

static void on_nmi_in_l2(struct ex_regs *regs)
{
	if (!in_l2(regs)) {
		note(&this_cpu(l1_log), NMI_VECTOR);
		return;
	}
	nmi.nested += nmi.begun != nmi.ended;
	if (++nmi.begun == 1) {
		apic_send_nmi(smp_id());
		delay_us(SILENCE_US);
		if (nmi.move)
			migrate_quiet();
		nmi.early = nmi.begun - 1;
	}
	nmi.ended++;
}

static void nmi_to_self_twice(void *data)
{
	apic_send_nmi(smp_id());
	wait_until(nmi.ended >= 2, PATIENCE_MS);
	delay_us(SILENCE_US);
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
	struct l2 *l2 = begin(nmi_to_self_twice, NULL);

	memset(&nmi, 0, sizeof(nmi));
	nmi.move = move;
	handle_exception(NMI_VECTOR, on_nmi_in_l2);
	set_gate_to_library(NMI_VECTOR);
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
	end(l2);
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
	exit_is(l2, SVM_EXIT_IRET, "the end of the NMI handler");
	iret = (const u8 *)l2->vmcb->save.rip;
	report(l2->vmcb->control.exitcode == SVM_EXIT_IRET && iret[0] == 0x48 && iret[1] == 0xcf,
	       "L2's rip 0x%lx is at IRET", l2->vmcb->save.rip);
	migrate_quiet();
	report(nmi.begun == 1 && !l1_count(),
	       "the second NMI does not come before IRET (%u in L2, %u in L1)", nmi.begun,
	       l1_count());
	l2_pass(l2, INTERCEPT_IRET);
	l2_enter_gif_clear(l2);
	came_to(l2, 1, "two NMIs");
	stgi();
	check_two_nmis();
	expect_end(l2);
	end(l2);
}

/* ======== debug exceptions ======== */

CODE(stepped, (void),
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
	struct l2 *l2 = begin(in_steps, NULL);

	for (int step = 0; step < STEPS; step++) {
		expect_event(l2, DB_VECTOR, NO_CODE, (u64)steps[step], "a step");
		check_step(l2, step, this_cpu(last_frame).rip);
		if (step == 2)
			migrate_quiet();
	}
	expect_call(l2, 1, "after the steps");
	expect_end(l2);
	end(l2);
}

TEST(step_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "single steps: an intercepted #DB exits after each instruction, moved in between")
{
	struct l2 *l2 = begin(in_steps, NULL);

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
	end(l2);
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
	struct l2 *l2 = begin(in_steps, NULL);

	memset(&step_log, 0, sizeof(step_log));
	handle_exception(DB_VECTOR, on_step);
	set_gate_to_library(DB_VECTOR);
	expect_call(l2, 1, "after the steps");
	report(step_log.count == STEPS && !step_log.bad,
	       "%u steps, should be %d; %u not where they should be: rip 0x%lx, DR6 0x%lx",
	       step_log.count, STEPS, step_log.bad, step_log.rip, step_log.dr6);
	expect_end(l2);
	handle_exception(DB_VECTOR, NULL);
	end(l2);
}

CODE(store, (volatile u64 * to),
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
	struct l2 *l2 = begin(store_watched, NULL);

	expect_event(l2, DB_VECTOR, NO_CODE, (u64)behind_store, "the store");
	report(l2->vmcb->save.dr6 & DR6_B0, "DR6.B0 is set: 0x%lx", l2->vmcb->save.dr6);
	expect_call(l2, 1, "the breakpoint is off");
	expect_end(l2);
	write_dr0(0);
	write_dr7(0);
	write_dr6(0xffff0ff0);
	end(l2);
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
	struct l2 *l2 = begin(count_run, (void *)&runs);
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
	save->idtr.base = (u64)this_cpu(l2_idt);
	l2->vmcb->control.nrip = rip;
	l2_inject(l2, l2->vmcb->control.exitintinfo);
	expect_event(l2, vector, event >> SVM_EVTINJ_ERR_SHIFT, rip, "delivered again");
	report(!runs, "L2's code did not run before its event (%u times)", runs);
	expect_end(l2);
	report(runs == 1, "L2's code ran once (%u times)", runs);
	end(l2);
}

#define FAULT_IN_DELIVERY(name, words, event)                                                      \
	TEST(fault_delivering_##name, .on = EACH_CPU, .needs = SVM,                                \
	     .about = words " that met a #PF is in EXITINTINFO, and delivered once when injected " \
			    "again after the move")                                                \
	{                                                                                          \
		fault_in_delivery(event);                                                          \
	}

FAULT_IN_DELIVERY(interrupt, "an interrupt", SVM_EVTINJ_TYPE_INTR | HIGH)
FAULT_IN_DELIVERY(nmi, "an NMI", SVM_EVTINJ_TYPE_NMI | NMI_VECTOR)
FAULT_IN_DELIVERY(exception, "an exception", SVM_EVTINJ_TYPE_EXEPT | UD_VECTOR)
FAULT_IN_DELIVERY(exception_with_code, "an exception with an error code",
		  SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | GP_VECTOR |
			  0x5a8ul << SVM_EVTINJ_ERR_SHIFT)
FAULT_IN_DELIVERY(software_interrupt, "a software interrupt", SVM_EVTINJ_TYPE_SOFT | LOW)

CODE(int_low, (void),
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
	struct l2 *l2 = begin(in_int, NULL);
	struct vmcb_save_area *save = &l2->vmcb->save;

	l2_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	save->idtr.base = NOWHERE;
	expect_exit(l2, SVM_EXIT_EXCP_BASE + PF_VECTOR, "INT where there is no IDT");
	check_exitintinfo(l2, SVM_EVTINJ_TYPE_SOFT | LOW);
	check_gate_fault(l2, NOWHERE + LOW * sizeof(idt_entry_t));
	check_rip(l2, at_int, "at INT");
	migrate_quiet();
	save->idtr.base = (u64)this_cpu(l2_idt);
	expect_event(l2, LOW, NO_CODE, (u64)behind_int, "INT again");
	expect_call(l2, 1, "behind INT");
	expect_end(l2);
	end(l2);
}

/* V_IRQ is no longer set then: EXITINTINFO has it (15.21.4). */
TEST(fault_delivering_virq, .on = EACH_CPU, .needs = SVM,
     .about = "a virtual interrupt that met a #PF is in EXITINTINFO, and delivered once")
{
	struct l2 *l2 = begin(in_int, NULL);
	struct vmcb_save_area *save = &l2->vmcb->save;
	u64 rip = save->rip;

	l2_start(l2, count_run, &(u32){ 0 });
	l2_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	save->idtr.base = NOWHERE;
	l2_virtual_irq(l2, LOW);
	expect_exit(l2, SVM_EXIT_EXCP_BASE + PF_VECTOR, "taken where there is no IDT");
	check_exitintinfo(l2, SVM_EVTINJ_TYPE_INTR | LOW);
	check_virq(l2, false, "taken");
	migrate_quiet();
	save->idtr.base = (u64)this_cpu(l2_idt);
	l2_inject(l2, l2->vmcb->control.exitintinfo);
	expect_event(l2, LOW, NO_CODE, rip, "delivered again");
	expect_end(l2);
	end(l2);
}

/* The page that is missing is not L2's but L1's: the gate's, and the stack's. */
static void npf_in_delivery(bool stack, u64 event)
{
	volatile u32 runs = 0;
	struct l2 *l2 = begin(count_run, (void *)&runs);
	struct vmcb_save_area *save = &l2->vmcb->save;
	phys_addr_t gone =
		stack ? virt_to_phys((void *)(save->rsp - 8)) : virt_to_phys(this_cpu(l2_idt));
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
	end(l2);
}

TEST(npf_delivering_interrupt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "an interrupt whose gate met a nested page fault is delivered once after the move")
{
	npf_in_delivery(false, SVM_EVTINJ_TYPE_INTR | HIGH);
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
	struct l2 *l2 = begin(count_run, &(u32){ 0 });

	clgi();
	pend(LOW);
	pend(HIGH);
	apic_send_nmi(smp_id());
	migrate_quiet();
	delay_us(SILENCE_US);
	report(!l1_count(), "nothing comes before STGI (%u)", l1_count());
	check_pending(LOW, "before STGI");
	check_pending(HIGH, "before STGI");
	irq_disable();
	stgi();
	l1_got("after STGI, interrupts off", NMI_VECTOR);
	check_pending(LOW, "interrupts off");
	check_pending(HIGH, "interrupts off");
	irq_enable();
	l1_got("interrupts on", HIGH, LOW);
	expect_end(l2);
	end(l2);
}

TEST(gif_holds_events_if_set, .on = EACH_CPU, .needs = SVM,
     .about = "the same with interrupts on at STGI: the NMI first, the higher vector first")
{
	struct l2 *l2 = begin(count_run, &(u32){ 0 });

	clgi();
	pend(LOW);
	pend(HIGH);
	apic_send_nmi(smp_id());
	migrate_quiet();
	delay_us(SILENCE_US);
	report(!l1_count(), "nothing comes before STGI (%u)", l1_count());
	stgi();
	l1_got("after STGI", NMI_VECTOR, HIGH, LOW);
	expect_end(l2);
	end(l2);
}

/* A timer runs on while GIF is clear; only its interrupt waits. */
TEST(gif_holds_timer, .on = EACH_CPU, .needs = SVM,
     .about = "an APIC timer that expires between CLGI and STGI, moved there, comes after STGI")
{
	struct l2 *l2 = begin(count_run, &(u32){ 0 });

	apic_setup_timer(TIMER, APIC_LVT_TIMER_ONESHOT);
	clgi();
	apic_start_timer(apic_timer_hz() / 100);
	migrate_quiet();
	report(wait_until(is_pending(TIMER), PATIENCE_MS), "the timer expires while GIF is clear");
	report(!l1_count(), "nothing comes before STGI (%u)", l1_count());
	stgi();
	l1_got("after STGI", TIMER);
	apic_cleanup_timer();
	expect_end(l2);
	end(l2);
}

/*
 * An exit that leaves GIF set lets both in at once. What pends at VMRUN exits in the
 * order of its priority, and again and again until L1 sets GIF.
 */
TEST(gif_clear_after_exit, .on = EACH_CPU, .needs = SVM,
     .about = "moved between #VMEXIT and STGI with an NMI and an interrupt pending, once each")
{
	struct l2 *l2 = begin(call_once, NULL);
	u64 rip;

	l2_intercept(l2, INTERCEPT_INTR);
	l2_intercept(l2, INTERCEPT_NMI);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	clgi();
	l2_enter_gif_clear(l2);
	came_to(l2, 1, "with nothing pending");
	rip = l2->vmcb->save.rip;
	pend(LOW);
	apic_send_nmi(smp_id());
	migrate_quiet();
	delay_us(SILENCE_US);
	report(!l1_count(), "nothing comes between #VMEXIT and STGI (%u)", l1_count());
	l2_enter_gif_clear(l2);
	exit_is(l2, SVM_EXIT_NMI, "VMRUN with both pending");
	check_rip(l2, (void *)rip, "no instruction of L2 ran");
	report(!l1_count(), "nothing comes between #VMEXIT and STGI (%u)", l1_count());
	stgi();
	l1_got("after STGI", NMI_VECTOR, LOW);
	expect_end(l2);
	end(l2);
}

/* ======== virtual GIF ======== */

CODE(stgi_nops, (void),
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
	struct l2 *l2 = begin(in_vgif, NULL);

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
	l2_virtual_irq(l2, LOW);
	expect_call(l2, 2, "moved with V_IRQ");
	check_v_gif(l2, false, "moved with V_IRQ");
	check_virq(l2, true, "moved with V_IRQ");
	expect_event(l2, LOW, NO_CODE, (u64)behind_stgi, "L2's STGI");
	check_v_gif(l2, true, "L2's STGI");
	check_virq(l2, false, "taken");
	expect_call(l2, 3, "taken");
	expect_end(l2);
	end(l2);
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
	l2_virtual_irq(l2, LOW);
	expect_call(l2, 2, "moved");
	expect_exit(l2, SVM_EXIT_STGI, "STGI after the move");
	check_rip(l2, at_stgi, "at STGI");
	check_v_gif(l2, false, "STGI intercepted");
	check_virq(l2, true, "STGI intercepted");
	l2_pass(l2, INTERCEPT_STGI);
	expect_event(l2, LOW, NO_CODE, (u64)behind_stgi, "STGI not intercepted");
	expect_call(l2, 3, "taken");
	expect_end(l2);
	end(l2);
}

/* ======== virtual NMI ======== */

/* 15.21.10: V_NMI_BLOCKING is the NMI handler's, until its IRET. */
TEST(vnmi, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_VNMI),
     .about = "moved in L2's NMI handler with V_NMI pending: it comes after IRET, once")
{
	volatile u32 runs = 0;
	struct l2 *l2 = begin(count_run, (void *)&runs);
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
	end(l2);
}

/* ======== L2 halted ======== */

CODE(sti_hlt, (void),
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

	if (!wait_until(waker->halting, PATIENCE_MS))
		return;
	delay_us(SILENCE_US);
	migrate_quiet();
	delay_us(SILENCE_US);
	waker->early = waker->woken + waker->exits;
	waker->sent = 1;
	if (waker->send)
		waker->send(waker->cpu);
	if (wait_until(waker->exits, PATIENCE_MS))
		return;
	waker->rescued = 1;
	apic_send_ipi(waker->cpu, HIGH);
	if (!wait_until(waker->exits, PATIENCE_MS))
		apic_send_nmi(waker->cpu);
}

/* Enters L2, which halts; what has woken it is its next exit. */
static struct l2 *halt_across_move(struct waker *waker, void (*send)(int cpu), int intercept)
{
	struct l2 *l2 = begin(halt_in_l2, waker);

	*waker = (struct waker){ .cpu = smp_id(), .send = send };
	if (intercept) {
		l2_intercept(l2, intercept);
		l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	}
	on_cpu_async(other_cpu(), move_then_wake, waker);
	clgi();
	enter_for_event(l2);
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
	end(l2);
}

/* Woken by what L1 intercepts. */
static void halt_and_exit(unsigned intercept, u64 exitcode, void (*send)(int cpu), u8 vector)
{
	struct waker waker;
	struct l2 *l2 = halt_across_move(&waker, send, intercept);

	exit_is(l2, exitcode, "halted");
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
	halt_and_exit(INTERCEPT_INTR, SVM_EXIT_INTR, send_low, LOW);
}

TEST(halt_intr_taken, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 halted in a move sleeps on; an IPI that it takes wakes it, once")
{
	halt_and_take(send_low, LOW);
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

	apic_setup_timer(TIMER, APIC_LVT_TIMER_ONESHOT);
	apic_start_timer(apic_timer_hz() / 10);
	if (intercept) {
		l2 = halt_across_move(&waker, NULL, intercept);
		exit_is(l2, SVM_EXIT_INTR, "halted");
		check_rip(l2, behind_hlt, "halted");
		stgi();
		l1_got("after STGI", TIMER);
	} else {
		l2 = halt_across_move(&waker, NULL, 0);
		stgi();
		report(is_event(l2, TIMER, NO_CODE, (u64)behind_hlt), "halted: %s", what_came(l2));
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
	struct l2 *l2 = begin(halt_in_l2, &waker);

	l2_intercept(l2, INTERCEPT_HLT);
	expect_exit(l2, SVM_EXIT_HLT, "HLT");
	check_rip(l2, at_hlt, "HLT");
	report(l2->vmcb->control.interrupt_shadow & SVM_INTERRUPT_SHADOW_MASK,
	       "HLT is in the shadow of STI: 0x%lx", l2->vmcb->control.interrupt_shadow);
	migrate_quiet();
	l2_skip(l2, 1);
	l2_inject(l2, SVM_EVTINJ_TYPE_INTR | LOW);
	expect_event(l2, LOW, NO_CODE, (u64)behind_hlt, "HLT skipped");
	expect_call(l2, 1, "HLT skipped");
	expect_end(l2);
	end(l2);
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
	static const u8 vectors[] = { LOW, TIMER, HIGH };
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
	enter_for_event(l2);
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
	if (exitcode != SVM_EXIT_VMMCALL &&
	    !(wait_until(l1_count(), PATIENCE_MS) && l1_count() == 1 &&
	      this_cpu(l1_log).vector[0] == vector)) {
		report_fail("round %u, kind %u, vector 0x%x: L1 got %u events, the first 0x%x",
			    round, kind, vector, l1_count(), this_cpu(l1_log).vector[0]);
		good = false;
	}
	this_cpu(l1_log).count = 0;
	if (event_of(l2) != NO_EVENT)
		leave_event(l2);
	l2_enter(l2);
	if (!is_call(l2, 1) || l1_count()) {
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
	struct l2 *l2 = begin(call_forever, NULL);
	u32 rounds = scaled_count(3000, 10 * KINDS), round;

	l2_intercept(l2, INTERCEPT_INTR);
	l2_intercept(l2, INTERCEPT_NMI);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	expect_call(l2, 1, "the first call");
	for (round = 0; round < rounds; round++)
		if (!one_event(l2, round % KINDS, round))
			break;
	report(round == rounds, "%u of %u events came as they should", round, rounds);
	end(l2);
}
