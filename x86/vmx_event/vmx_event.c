// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events of nested guests on VMX while they are moved: whatever was in flight, pending or
 * held back is delivered exactly once.
 *
 * The truth: Intel SDM volume 3: 25.4.2 (interruptibility, activity, pending debug exceptions),
 * 25.8.3 (VM-entry interruption information), 26.2 and 26.3 (what exits and what is blocked),
 * 27.6 (event injection), 27.7 (windows and pending debug exceptions at entry), 28.2 (exit
 * information, IDT vectoring), 28.3.4 (what an exit saves), 6.9 (order of events).
 *
 * A broken hypervisor forgets an event that was pending when it saved a guest, or delivers it
 * a second time after it was restored; lets in what the guest had blocked, by RFLAGS.IF, STI,
 * MOV SS, the task priority or a running NMI handler; opens a window too early, too late or
 * never; delivers to L1 what is L2's or the other way round; or comes back with a vector, error
 * code, length or return address that is not the event's.
 *
 * How the tests see it: every event in L2 is an exit (l2-event.h), and the order of L2's exits
 * is the order of events.
 *
 * They cannot tell an event that is late by some instructions from one that is in time where
 * it comes from an interrupt controller, since nothing says how fast that is; windows, blocking
 * and single steps are held to the very instruction.
 *
 * On the command line: break=WHAT, to spoil a test on purpose:
 *
 * lost    L1 injects nothing, and sends nothing
 * twice   L1 injects it again after it was delivered
 * code    L1 injects another error code
 * length  L1 injects another instruction length
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "apic.h"
#include "x86/nested/interrupts.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "nested/vmx/vmx-event.h"

/* ======== injection ======== */

struct injection {
	const char *name;
	u32 event, error_code, length;
};

#define HARD(vector)	       (INTR_TYPE_HARD_EXCEPTION | (vector))
#define HARD_WITH_CODE(vector) (HARD(vector) | (u32)INTR_INFO_DELIVER_CODE_MASK)

/* Each type, but INT1; lengths that no instruction of the kind has are allowed (25.8.3). */
static const struct injection injections[] = {
	{ "an interrupt", INTR_TYPE_EXT_INTR | HIGH_VECTOR, 0, 0 },
	{ "an NMI", INTR_TYPE_NMI_INTR | NMI_VECTOR, 0, 0 },
	{ "#UD", HARD(UD_VECTOR), 0, 0 },
	{ "#GP", HARD_WITH_CODE(GP_VECTOR), 0x5a8, 0 },
	{ "#PF", HARD_WITH_CODE(PF_VECTOR), PFERR_WRITE_MASK | PFERR_PRESENT_MASK, 0 },
	{ "#DB", HARD(DB_VECTOR), 0, 0 },
	{ "a software interrupt", INTR_TYPE_SOFT_INTR | LOW_VECTOR, 0, 2 },
	{ "a long software interrupt", INTR_TYPE_SOFT_INTR | HIGH_VECTOR, 0, 15 },
	{ "INT3", INTR_TYPE_SOFT_EXCEPTION | BP_VECTOR, 0, 1 },
	{ "INTO", INTR_TYPE_SOFT_EXCEPTION | OF_VECTOR, 0, 3 },
};

/* The privileged software exception. */
static const struct injection int1[] = {
	{ "INT1", INTR_TYPE_PRIV_SW_EXCEPTION | DB_VECTOR, 0, 1 },
};

#define MOST_INJECTIONS ARRAY_SIZE(injections)

static u32 type_of(const struct injection *row)
{
	return row->event & INTR_INFO_INTR_TYPE_MASK;
}

static bool has_length(const struct injection *row)
{
	return type_of(row) == INTR_TYPE_SOFT_INTR || type_of(row) == INTR_TYPE_SOFT_EXCEPTION ||
	       type_of(row) == INTR_TYPE_PRIV_SW_EXCEPTION;
}

static int vector_of(const struct injection *row)
{
	return row->event & INTR_INFO_VECTOR_MASK;
}

static void inject(struct l2 *l2, const struct injection *row)
{
	if (broken("lost"))
		return;
	vmx_inject(l2, row->event, row->error_code + broken("code"));
	vmx_set(l2, VM_ENTRY_INSTRUCTION_LEN, row->length + broken("length"));
}

/* Whatever length is injected, there is an instruction where the event returns to. */
L2_CODE(injection_point, (void),
	"	.fill 16, 1, 0x90\n"
	"	mov $1, %eax\n"
	"	vmcall\n");

/* Where the event is to come, with interrupts off for those that do not need them on. */
static struct l2 *new_target(const struct injection *row)
{
	struct l2 *l2 = event_l2_new(NULL, NULL);

	vmx_set(l2, GUEST_RIP, (u64)injection_point);
	if (type_of(row) != INTR_TYPE_EXT_INTR)
		l2_irq_off(l2);
	return l2;
}

static u64 return_address(const struct injection *row)
{
	return (u64)injection_point + (has_length(row) ? row->length : 0);
}

#define CR2_VALUE 0x123456789000

/* L2 is entered, gets its event, and goes on where that has come from. */
static void check_delivery(struct l2 *l2, const struct injection *row)
{
	u64 rsp = vmx_get(l2, GUEST_RSP);
	bool nmi = type_of(row) == INTR_TYPE_NMI_INTR;

	report_prefix_push(row->name);
	write_cr2(CR2_VALUE);
	if (expect_event(l2, vector_of(row), row->error_code, return_address(row), "delivered"))
		report_if_failed(last_event_frame()->rsp == rsp,
				 "rsp on the stack is 0x%lx, was 0x%lx", last_event_frame()->rsp,
				 rsp);
	report_if_failed(read_cr2() == CR2_VALUE, "CR2 is 0x%lx, was set to 0x%x", read_cr2(),
			 (u32)CR2_VALUE);
	report_if_failed(!(vmx_get(l2, VM_ENTRY_INTR_INFO_FIELD) & INTR_INFO_VALID_MASK),
			 "VM_ENTRY_INTR_INFO_FIELD is still valid: 0x%lx",
			 vmx_get(l2, VM_ENTRY_INTR_INFO_FIELD));
	report_if_failed(!(vmx_get(l2, IDT_VECTORING_INFO_FIELD) & INTR_INFO_VALID_MASK) &&
				 !(vmx_get(l2, VM_EXIT_INTR_INFO) & INTR_INFO_VALID_MASK),
			 "the exit tells of an event: IDT vectoring 0x%lx, interruption 0x%lx",
			 vmx_get(l2, IDT_VECTORING_INFO_FIELD), vmx_get(l2, VM_EXIT_INTR_INFO));
	report_if_failed(vmx_get(l2, GUEST_INTERRUPTIBILITY_INFO) ==
				 (nmi ? GUEST_INTR_STATE_NMI : 0),
			 "GUEST_INTERRUPTIBILITY_INFO is 0x%lx in the handler",
			 vmx_get(l2, GUEST_INTERRUPTIBILITY_INFO));
	if (broken("twice"))
		inject(l2, row);
	expect_call(l2, 1, "and then");
	report_prefix_pop();
}

/*
 * A hypervisor that loses what L1 has asked for on the way to the other side, or where the
 * first delivery there cannot read the IDT or write the stack yet; that delivers it again; or
 * takes the return address from elsewhere.
 */
static void inject_across_move(const struct injection *rows, size_t count)
{
	struct l2 *l2[MOST_INJECTIONS];

	for (size_t i = 0; i < count; i++) {
		l2[i] = new_target(&rows[i]);
		inject(l2[i], &rows[i]);
	}
	migrate_quiet();
	for (size_t i = 0; i < count; i++)
		check_delivery(l2[i], &rows[i]);
	for (size_t i = 0; i < count; i++)
		event_l2_free(l2[i]);
}

TEST(inject, .on = EACH_CPU, .needs = VMX,
     .about = "events of each type, injected by L1 before the move, are delivered once, as set")
{
	inject_across_move(injections, ARRAY_SIZE(injections));
}

TEST(inject_int1, .on = EACH_CPU, .needs = VMX,
     .about = "INT1, injected by L1 before the move, is delivered once, as set")
{
	inject_across_move(int1, ARRAY_SIZE(int1));
}

TEST(inject_zero_length, .on = EACH_CPU, .needs = VMX_ZERO_LEN_INS,
     .about = "software events injected with length 0 return to where L2 was, after a move")
{
	static const struct injection rows[] = {
		{ "a software interrupt", INTR_TYPE_SOFT_INTR | LOW_VECTOR, 0, 0 },
		{ "INT3", INTR_TYPE_SOFT_EXCEPTION | BP_VECTOR, 0, 0 },
	};

	inject_across_move(rows, ARRAY_SIZE(rows));
}

/* ======== moved in L2's handler ======== */

static struct {
	volatile u32 count;
	u64 rip, error_code;
} handled;

static void be_moved_in_handler(struct ex_regs *regs)
{
	if (handled.count++)
		return;
	handled.rip = regs->rip;
	handled.error_code = regs->error_code;
	migrate_quiet();
}

/* A hypervisor that takes what it has delivered for what it is still to deliver. */
static void move_in_handler(const struct injection *row)
{
	struct l2 *l2 = new_target(row);

	handled.count = 0;
	if (vector_of(row) < 32)
		handle_exception(vector_of(row), be_moved_in_handler);
	else
		handle_irq(vector_of(row), be_moved_in_handler);
	event_give_l2_handler(vector_of(row));
	inject(l2, row);
	expect_call(l2, 1, "moved in the handler");
	report(handled.count == 1 && handled.rip == return_address(row) &&
		       handled.error_code == row->error_code,
	       "the handler ran %u times, for rip 0x%lx and error code 0x%lx, should be once, "
	       "0x%lx and 0x%x",
	       handled.count, handled.rip, handled.error_code, return_address(row),
	       row->error_code);
	check_field(l2, GUEST_INTERRUPTIBILITY_INFO, ~0ul, 0, "after the handler");
	if (vector_of(row) < 32)
		handle_exception(vector_of(row), NULL);
	event_l2_free(l2);
}

#define MOVE_IN_HANDLER(id, row)                                                                   \
	TEST(moved_in_handler_##id, .on = EACH_CPU, .needs = VMX,                                  \
	     .about = "what L1 has injected is delivered once if L2 is moved in its handler")      \
	{                                                                                          \
		move_in_handler(&injections[row]);                                                 \
	}

MOVE_IN_HANDLER(interrupt, 0)
MOVE_IN_HANDLER(nmi, 1)
MOVE_IN_HANDLER(exception, 3)
MOVE_IN_HANDLER(software_interrupt, 6)
MOVE_IN_HANDLER(software_exception, 8)

/* ======== IDT vectoring ======== */

/* Nothing is ever mapped there. */
#define NOWHERE (VMALLOC_END + (1ul << 30))

/* Bit 12 is not defined (25.9.3). */
#define IDT_VECTORING_BITS (INTR_INFO_VALID_MASK | INTR_INFO_DELIVER_CODE_MASK | 0x7ff)

/* The exit has stopped this event. */
static void check_vectoring(const struct l2 *l2, const struct injection *row, u64 rip)
{
	check_field(l2, IDT_VECTORING_INFO_FIELD, IDT_VECTORING_BITS,
		    row->event | INTR_INFO_VALID_MASK, "not delivered");
	if (row->event & INTR_INFO_DELIVER_CODE_MASK)
		check_field(l2, IDT_VECTORING_ERROR_CODE, ~0ul, row->error_code, "not delivered");
	if (has_length(row))
		check_field(l2, VM_EXIT_INSTRUCTION_LEN, ~0ul, row->length, "not delivered");
	check_rip(l2, (void *)rip, "not delivered");
	report_if_failed(!(vmx_get(l2, VM_ENTRY_INTR_INFO_FIELD) & INTR_INFO_VALID_MASK),
			 "VM_ENTRY_INTR_INFO_FIELD is still valid: 0x%lx",
			 vmx_get(l2, VM_ENTRY_INTR_INFO_FIELD));
}

/* As hypervisors do, from what the exit has said (28.2.4). */
static void inject_again(struct l2 *l2)
{
	if (broken("lost"))
		return;
	vmx_inject(l2, vmx_get(l2, IDT_VECTORING_INFO_FIELD) & IDT_VECTORING_BITS,
		   vmx_get(l2, IDT_VECTORING_ERROR_CODE));
	vmx_set(l2, VM_ENTRY_INSTRUCTION_LEN, vmx_get(l2, VM_EXIT_INSTRUCTION_LEN));
	vmx_set(l2, GUEST_INTERRUPTIBILITY_INFO,
		vmx_get(l2, GUEST_INTERRUPTIBILITY_INFO) & ~GUEST_INTR_STATE_NMI);
}

/* A way to stop a delivery, and to let it go on. */
struct obstacle {
	void (*raise)(struct l2 *l2);
	void (*check)(const struct l2 *l2, const struct injection *row);
	void (*remove)(struct l2 *l2);
	u64 reason;
};

static void hide_idt(struct l2 *l2)
{
	vmx_intercept_exception(l2, PF_VECTOR, true);
	vmx_set(l2, GUEST_IDTR_BASE, NOWHERE);
}

static void check_page_fault(const struct l2 *l2, const struct injection *row)
{
	check_field(l2, VM_EXIT_INTR_INFO, IDT_VECTORING_BITS,
		    HARD_WITH_CODE(PF_VECTOR) | INTR_INFO_VALID_MASK, "the fault");
	check_field(l2, VM_EXIT_INTR_ERROR_CODE, ~0ul, 0, "the fault");
	check_field(l2, EXIT_QUALIFICATION, ~0ul, NOWHERE + vector_of(row) * sizeof(idt_entry_t),
		    "the gate");
}

static void show_idt(struct l2 *l2)
{
	vmx_set(l2, GUEST_IDTR_BASE, (u64)event_l2_idt());
}

static const struct obstacle page_fault = {
	.raise = hide_idt,
	.check = check_page_fault,
	.remove = show_idt,
	.reason = EXIT_REASON_EXCEPTION_NMI,
};

static void set_ept_page(struct l2 *l2, phys_addr_t page, bool there)
{
	pteval_t *entry = vmx_ept_entry(l2, page & PAGE_MASK);

	*entry = there ? *entry | VMX_EPT_RWX_MASK : *entry & ~VMX_EPT_RWX_MASK;
}

static phys_addr_t stack_page(const struct l2 *l2)
{
	return virt_to_phys((void *)(vmx_get(l2, GUEST_RSP) - 8)) & PAGE_MASK;
}

/* The tables may have the address of others that were in use before. */
static void use_fresh_ept(struct l2 *l2)
{
	vmx_use_ept(l2);
	if (invept(VMX_EPT_EXTENT_GLOBAL, 0) != VM_SUCCEED)
		report_abort("INVEPT of all contexts");
}

static void take_gates(struct l2 *l2)
{
	use_fresh_ept(l2);
	set_ept_page(l2, virt_to_phys(event_l2_idt()), false);
}

/* Of the qualification the low bits say what was tried: a read, a write (28.2.1, table 28-7). */
static void check_gates(const struct l2 *l2, const struct injection *row)
{
	check_field(l2, GUEST_PHYSICAL_ADDRESS, ~0ul,
		    virt_to_phys(event_l2_idt()) + vector_of(row) * sizeof(idt_entry_t),
		    "the gate");
	check_field(l2, EXIT_QUALIFICATION, VMX_EPT_RWX_MASK, VMX_EPT_READABLE_MASK, "the gate");
}

static void return_gates(struct l2 *l2)
{
	set_ept_page(l2, virt_to_phys(event_l2_idt()), true);
}

static const struct obstacle no_gates = {
	.raise = take_gates,
	.check = check_gates,
	.remove = return_gates,
	.reason = EXIT_REASON_EPT_VIOLATION,
};

static void take_stack(struct l2 *l2)
{
	use_fresh_ept(l2);
	set_ept_page(l2, stack_page(l2), false);
}

static void check_stack(const struct l2 *l2, const struct injection *row)
{
	check_field(l2, GUEST_PHYSICAL_ADDRESS, PAGE_MASK, stack_page(l2), "the stack");
	check_field(l2, EXIT_QUALIFICATION, VMX_EPT_WRITABLE_MASK, VMX_EPT_WRITABLE_MASK,
		    "the stack");
}

static void return_stack(struct l2 *l2)
{
	set_ept_page(l2, stack_page(l2), true);
}

static const struct obstacle no_stack = {
	.raise = take_stack,
	.check = check_stack,
	.remove = return_stack,
	.reason = EXIT_REASON_EPT_VIOLATION,
};

/*
 * A hypervisor that tells of the fault and forgets the event that it stopped, or tells of
 * another; and that delivers it on its own as well, so that L1's is the second.
 */
static void stop_deliveries(const struct obstacle *obstacle, const struct injection *rows,
			    size_t count)
{
	struct l2 *l2[MOST_INJECTIONS];

	for (size_t i = 0; i < count; i++) {
		l2[i] = new_target(&rows[i]);
		obstacle->raise(l2[i]);
		inject(l2[i], &rows[i]);
		report_prefix_push(rows[i].name);
		if (expect_exit(l2[i], obstacle->reason, "stopped")) {
			obstacle->check(l2[i], &rows[i]);
			check_vectoring(l2[i], &rows[i], (u64)injection_point);
		}
		report_prefix_pop();
	}
	migrate_quiet();
	for (size_t i = 0; i < count; i++) {
		obstacle->remove(l2[i]);
		inject_again(l2[i]);
		check_delivery(l2[i], &rows[i]);
	}
	for (size_t i = 0; i < count; i++)
		event_l2_free(l2[i]);
}

TEST(fault_in_delivery, .on = EACH_CPU, .needs = VMX,
     .about = "an injected event that met a #PF is told of, and delivered once when injected "
	      "again after the move")
{
	stop_deliveries(&page_fault, injections, ARRAY_SIZE(injections));
}

TEST(fault_in_delivery_int1, .on = EACH_CPU, .needs = VMX, .about = "the same of INT1")
{
	stop_deliveries(&page_fault, int1, ARRAY_SIZE(int1));
}

TEST(gate_without_page, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "an injected event whose gate met an EPT violation is told of, and delivered once "
	      "when injected again after the move")
{
	stop_deliveries(&no_gates, injections, ARRAY_SIZE(injections));
}

TEST(gate_without_page_int1, .on = EACH_CPU, .needs = VMX_EPT, .about = "the same of INT1")
{
	stop_deliveries(&no_gates, int1, ARRAY_SIZE(int1));
}

TEST(stack_without_page, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "an injected event whose frame met an EPT violation is told of, and delivered once "
	      "when injected again after the move")
{
	stop_deliveries(&no_stack, injections, ARRAY_SIZE(injections));
}

/* ======== windows ======== */

/* Three ways to set IF: the first has a shadow of one instruction, the others have none. */
L2_CODE(open_windows, (void),
	"	sti\n"
	"	nop\n"
	"behind_sti:\n"
	"	nop\n"
	"	pushf\n"
	"	orq $0x200, (%rsp)\n"
	"	popf\n"
	"behind_popf:\n"
	"	nop\n"
	"	mov %rsp, %rax\n"
	"	mov %ss, %ecx\n"
	"	push %rcx\n"
	"	push %rax\n"
	"	pushf\n"
	"	orq $0x200, (%rsp)\n"
	"	mov %cs, %ecx\n"
	"	push %rcx\n"
	"	lea behind_iret(%rip), %rcx\n"
	"	push %rcx\n"
	"	iretq\n"
	"behind_iret:\n"
	"	nop\n");
extern char behind_sti[], behind_popf[], behind_iret[];

static void move_then_open(void *data)
{
	irq_disable();
	/* No exit in between: L1's next entry would repair what the move has lost. */
	migrate_quiet();
	open_windows();
	l2_call(2);
}

static void check_window(struct l2 *l2, u64 reason, const void *rip, const char *when)
{
	if (!expect_exit(l2, reason, when))
		return;
	check_rip(l2, rip, when);
	check_field(l2, GUEST_INTERRUPTIBILITY_INFO, ~0ul, 0, when);
}

/* A hypervisor that forgets the window in the move, or that takes IF of L1 for L2's. */
TEST(interrupt_window, .on = EACH_CPU, .needs = VMX,
     .about = "moved in L2 with interrupts off: an interrupt window opens behind the shadow of "
	      "STI, behind POPF and IRET")
{
	struct l2 *l2 = event_l2_new(move_then_open, NULL);

	l2_irq_off(l2);
	if (!broken("lost"))
		vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INTR_WINDOW_EXITING);
	check_window(l2, EXIT_REASON_INTERRUPT_WINDOW, behind_sti, "STI");
	l2_irq_off(l2);
	check_window(l2, EXIT_REASON_INTERRUPT_WINDOW, behind_popf, "POPF");
	l2_irq_off(l2);
	check_window(l2, EXIT_REASON_INTERRUPT_WINDOW, behind_iret, "IRET");
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INTR_WINDOW_EXITING);
	vmx_inject(l2, INTR_TYPE_EXT_INTR | LOW_VECTOR, 0);
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_iret, "what L1 was waiting to inject");
	expect_call(l2, 2, "the window was shut");
	expect_end(l2);
	event_l2_free(l2);
}

/* A hypervisor that takes the first of these exits for the end of it. */
TEST(interrupt_window_open, .on = EACH_CPU, .needs = VMX,
     .about = "an interrupt window that is open exits before L2 runs, at each entry, moved between")
{
	struct l2 *l2 = event_l2_new(NULL, NULL);

	vmx_set(l2, GUEST_RIP, (u64)injection_point);
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INTR_WINDOW_EXITING);
	check_window(l2, EXIT_REASON_INTERRUPT_WINDOW, injection_point, "before the move");
	migrate_quiet();
	if (broken("lost"))
		l2_irq_off(l2);
	check_window(l2, EXIT_REASON_INTERRUPT_WINDOW, injection_point, "after the move");
	check_window(l2, EXIT_REASON_INTERRUPT_WINDOW, injection_point, "once more");
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INTR_WINDOW_EXITING);
	expect_call(l2, 1, "the window was shut");
	event_l2_free(l2);
}

/* A hypervisor that does not load the blocking, or not from what it has restored. */
TEST(blocking_at_entry, .on = EACH_CPU, .needs = VMX,
     .about = "blocking by STI and by MOV SS, set by L1 before the move, lasts one instruction")
{
	static const u32 blocking[] = { GUEST_INTR_STATE_STI, GUEST_INTR_STATE_MOV_SS };
	struct l2 *l2[ARRAY_SIZE(blocking)];

	for (size_t i = 0; i < ARRAY_SIZE(blocking); i++) {
		l2[i] = event_l2_new(NULL, NULL);
		vmx_set(l2[i], GUEST_RIP, (u64)injection_point);
		vmx_set(l2[i], GUEST_INTERRUPTIBILITY_INFO, broken("lost") ? 0 : blocking[i]);
		vmx_set_controls(l2[i], CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INTR_WINDOW_EXITING);
	}
	migrate_quiet();
	for (size_t i = 0; i < ARRAY_SIZE(blocking); i++) {
		check_window(l2[i], EXIT_REASON_INTERRUPT_WINDOW, (char *)injection_point + 1,
			     i ? "MOV SS" : "STI");
		event_l2_free(l2[i]);
	}
}

L2_CODE(sti_rdtsc, (void),
	"	cli\n"
	"	sti\n"
	"in_sti_shadow:\n"
	"	rdtsc\n"
	"behind_sti_shadow:\n"
	"	nop\n");
extern char in_sti_shadow[], behind_sti_shadow[];

L2_CODE(mov_ss_rdtsc, (void),
	"	mov %ss, %eax\n"
	"	mov %eax, %ss\n"
	"in_mov_ss_shadow:\n"
	"	rdtsc\n"
	"behind_mov_ss_shadow:\n"
	"	nop\n");
extern char in_mov_ss_shadow[], behind_mov_ss_shadow[];

static void in_shadow(void *data)
{
	void (*code)(void) = data;

	code();
	l2_call(1);
}

/* A hypervisor that does not tell of the blocking at an exit, or ends it with its own exits. */
TEST(blocking_at_exit, .on = EACH_CPU, .needs = VMX,
     .about = "an exit in the shadow of STI or MOV SS tells of it, and L2 goes on in it")
{
	static const struct {
		void (*code)(void);
		const char *inside, *behind, *name;
		u32 blocking;
	} rows[] = {
		{ sti_rdtsc, in_sti_shadow, behind_sti_shadow, "STI", GUEST_INTR_STATE_STI },
		{ mov_ss_rdtsc, in_mov_ss_shadow, behind_mov_ss_shadow, "MOV SS",
		  GUEST_INTR_STATE_MOV_SS },
	};
	struct l2 *l2[ARRAY_SIZE(rows)];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		l2[i] = event_l2_new(in_shadow, rows[i].code);
		vmx_set_controls(l2[i], CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_RDTSC_EXITING);
		expect_exit(l2[i], EXIT_REASON_RDTSC, rows[i].name);
		check_rip(l2[i], rows[i].inside, rows[i].name);
		check_field(l2[i], GUEST_INTERRUPTIBILITY_INFO, ~0ul, rows[i].blocking,
			    rows[i].name);
		vmx_clear_controls(l2[i], CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_RDTSC_EXITING);
		vmx_set_controls(l2[i], CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_INTR_WINDOW_EXITING);
	}
	migrate_quiet();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (broken("lost"))
			vmx_set(l2[i], GUEST_INTERRUPTIBILITY_INFO, 0);
		check_window(l2[i], EXIT_REASON_INTERRUPT_WINDOW, rows[i].behind, rows[i].name);
		event_l2_free(l2[i]);
	}
}

/* ======== NMIs that L1 injects: virtual NMIs ======== */

static struct l2 *new_target_of_nmi(void)
{
	struct l2 *l2 = new_target(&injections[1]);

	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL,
			 PIN_BASED_NMI_EXITING | PIN_BASED_VIRTUAL_NMIS);
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_NMI_WINDOW_EXITING);
	return l2;
}

/* A window that opens too early lets a second NMI into the handler; one that is lost, never. */
TEST(nmi_window, .on = EACH_CPU, .needs = VMX_VIRTUAL_NMIS,
     .about = "moved while L2's NMI handler has begun: the NMI window opens behind its IRET")
{
	struct l2 *l2 = new_target_of_nmi();

	inject(l2, &injections[1]);
	expect_event(l2, NMI_VECTOR, NO_CODE, (u64)injection_point, "injected");
	check_field(l2, GUEST_INTERRUPTIBILITY_INFO, ~0ul, GUEST_INTR_STATE_NMI, "in the handler");
	migrate_quiet();
	check_window(l2, EXIT_REASON_NMI_WINDOW, injection_point, "IRET");
	check_window(l2, EXIT_REASON_NMI_WINDOW, injection_point, "open still");
	inject(l2, &injections[1]);
	expect_event(l2, NMI_VECTOR, NO_CODE, (u64)injection_point, "a second one");
	check_window(l2, EXIT_REASON_NMI_WINDOW, injection_point, "IRET again");
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_NMI_WINDOW_EXITING);
	expect_call(l2, 1, "the window was shut");
	event_l2_free(l2);
}

/* With `again`, the handler has run once before. */
static void move_in_nmi_handler(bool again)
{
	struct l2 *l2 = new_target_of_nmi();

	handle_exception(NMI_VECTOR, be_moved_in_handler);
	event_give_l2_handler(NMI_VECTOR);
	if (again) {
		handled.count = 1; /* no move */
		inject(l2, &injections[1]);
		check_window(l2, EXIT_REASON_NMI_WINDOW, injection_point, "the first run's end");
	}
	handled.count = 0;
	inject(l2, &injections[1]);
	check_window(l2, EXIT_REASON_NMI_WINDOW, injection_point, "the end of the handler");
	report(handled.count == 1 && handled.rip == (u64)injection_point,
	       "the handler ran %u times, for rip 0x%lx", handled.count, handled.rip);
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_NMI_WINDOW_EXITING);
	expect_call(l2, 1, "the window was shut");
	event_l2_free(l2);
}

TEST(nmi_window_moved_in_l2, .on = EACH_CPU, .needs = VMX_VIRTUAL_NMIS,
     .about = "moved in L2's NMI handler: the NMI window opens behind its IRET")
{
	move_in_nmi_handler(false);
}

/*
 * As above, with nothing that the delivery touches new to the CPU. A delivery that faults
 * comes to the hypervisor, which has to remember for itself then that NMIs are blocked;
 * after one that does not, the CPU alone knows it.
 */
TEST(nmi_window_moved_in_second, .on = EACH_CPU, .needs = VMX_VIRTUAL_NMIS,
     .about = "the same in the handler's second run, whose delivery meets no missing page")
{
	move_in_nmi_handler(true);
}

static void iret_then_call(void *data)
{
	l2_call(1);
	open_windows();
	l2_call(2);
}

/* A hypervisor that forgets what L1 says of a handler that it has never seen begin. */
TEST(nmi_window_blocked_by_l1, .on = EACH_CPU, .needs = VMX_VIRTUAL_NMIS,
     .about = "virtual-NMI blocking that L1 sets before the move ends with L2's IRET")
{
	struct l2 *l2 = new_target_of_nmi();

	l2_start(l2, iret_then_call, NULL);
	vmx_set(l2, GUEST_INTERRUPTIBILITY_INFO, broken("lost") ? 0 : GUEST_INTR_STATE_NMI);
	migrate_quiet();
	expect_call(l2, 1, "NMIs blocked");
	check_field(l2, GUEST_INTERRUPTIBILITY_INFO, ~0ul, GUEST_INTR_STATE_NMI, "NMIs blocked");
	check_window(l2, EXIT_REASON_NMI_WINDOW, behind_iret, "IRET");
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_NMI_WINDOW_EXITING);
	expect_call(l2, 2, "the window was shut");
	expect_end(l2);
	event_l2_free(l2);
}

/* ======== NMIs of the local APIC ======== */

static void send_nmi(void)
{
	if (!broken("lost"))
		apic_send_nmi(smp_id());
	delay_us(EVENT_SILENCE_US);
}

static void be_moved_and_send_nmi(void *data)
{
	migrate_quiet();
	send_nmi();
	l2_call(1);
}

/*
 * A hypervisor that delivers the NMI besides telling of it, or forgets in the move that NMIs are
 * blocked behind such an exit until L1's next IRET (28.5.5), or the one that waits for that.
 */
TEST(nmi_exits, .on = EACH_CPU, .needs = VMX,
     .about = "an NMI exits; a second, moved while it is blocked, comes after L1's IRET, once")
{
	struct l2 *l2 = event_l2_new(be_moved_and_send_nmi, NULL);

	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_NMI_EXITING);
	irq_disable();
	if (expect_exit(l2, EXIT_REASON_EXCEPTION_NMI, "sent by L2 to itself"))
		check_field(l2, VM_EXIT_INTR_INFO, IDT_VECTORING_BITS,
			    INTR_INFO_VALID_MASK | INTR_TYPE_NMI_INTR | NMI_VECTOR, "the NMI");
	send_nmi();
	migrate_quiet();
	report(!l1_count(), "NMIs are blocked behind the exit (%u)", l1_count());
	dispatch(NMI_VECTOR);
	l1_got("after IRET", NMI_VECTOR, NMI_VECTOR);
	irq_enable();
	expect_call(l2, 1, "nothing is left");
	expect_end(l2);
	event_l2_free(l2);
}

static void be_moved_and_send_nmi_in_handler(struct ex_regs *regs)
{
	if (!event_in_l2(regs)) {
		l1_note(NMI_VECTOR);
		return;
	}
	if (handled.count++)
		return;
	migrate_quiet();
	send_nmi();
}

/* A hypervisor that takes the one kind of blocking for the other. */
TEST(nmi_exits_from_handler, .on = EACH_CPU, .needs = VMX_VIRTUAL_NMIS,
     .about = "moved in L2's NMI handler, an NMI of L1's exits though virtual NMIs are blocked")
{
	struct l2 *l2 = new_target_of_nmi();

	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_NMI_WINDOW_EXITING);
	handled.count = 0;
	handle_exception(NMI_VECTOR, be_moved_and_send_nmi_in_handler);
	event_give_l2_handler(NMI_VECTOR);
	vmx_inject(l2, injections[1].event, 0);
	if (expect_exit(l2, EXIT_REASON_EXCEPTION_NMI, "sent by the handler"))
		check_field(l2, GUEST_INTERRUPTIBILITY_INFO, ~0ul, GUEST_INTR_STATE_NMI,
			    "in the handler");
	l1_got_nothing("the exit has taken it");
	dispatch(NMI_VECTOR);
	l1_got("by INT", NMI_VECTOR);
	expect_call(l2, 1, "and then");
	report(handled.count == 1, "the handler ran %u times in L2", handled.count);
	event_l2_free(l2);
}

static void send_nmi_then_iret(void *data)
{
	irq_disable();
	send_nmi();
	migrate_quiet();
	open_windows();
	l2_call(1);
}

/* A hypervisor that does not load this blocking. */
TEST(nmi_blocked_by_l1, .on = EACH_CPU, .needs = VMX,
     .about = "blocking by NMI that L1 sets holds an NMI of L2's until its IRET, moved meanwhile")
{
	struct l2 *l2 = event_l2_new(send_nmi_then_iret, NULL);

	vmx_set(l2, GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_NMI);
	expect_event(l2, NMI_VECTOR, NO_CODE, (u64)behind_iret, "after IRET");
	expect_call(l2, 1, "and then");
	expect_end(l2);
	event_l2_free(l2);
}

/* ======== interrupts of L1's local APIC ======== */

static void call_twice(void *data)
{
	l2_call(1);
	l2_call(2);
}

/* A hypervisor that acknowledges what it should not, or lets L2 run first. */
TEST(intr_pending, .on = EACH_CPU, .needs = VMX,
     .about = "interrupts pending at the entry, moved before: each entry exits until L1 takes them")
{
	struct l2 *l2 = event_l2_new(call_twice, NULL);
	u64 rip = vmx_get(l2, GUEST_RIP);

	if (!broken("lost"))
		vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_EXT_INTR_MASK);
	irq_disable();
	pend(LOW_VECTOR);
	pend(HIGH_VECTOR);
	migrate_quiet();
	for (int i = 0; i < 2; i++) {
		expect_exit(l2, EXIT_REASON_EXTERNAL_INTERRUPT, "two interrupts pending");
		check_rip(l2, (void *)rip, "no instruction of L2 ran");
		report_if_failed(!(vmx_get(l2, VM_EXIT_INTR_INFO) & INTR_INFO_VALID_MASK),
				 "VM_EXIT_INTR_INFO is valid: 0x%lx",
				 vmx_get(l2, VM_EXIT_INTR_INFO));
		check_pending(LOW_VECTOR, "not acknowledged");
		check_pending(HIGH_VECTOR, "not acknowledged");
	}
	irq_enable();
	l1_got("L1 has set IF", HIGH_VECTOR, LOW_VECTOR);
	expect_call(l2, 1, "nothing pending");
	expect_call(l2, 2, "nothing pending");
	expect_end(l2);
	event_l2_free(l2);
}

static void check_acknowledged(struct l2 *l2, u8 vector)
{
	if (!expect_exit(l2, EXIT_REASON_EXTERNAL_INTERRUPT, "an interrupt pending"))
		return;
	check_field(l2, VM_EXIT_INTR_INFO, ~0ul, INTR_INFO_VALID_MASK | INTR_TYPE_EXT_INTR | vector,
		    "acknowledged");
	report(apic_read_bit(APIC_ISR, vector) && !vector_is_pending(vector),
	       "vector 0x%x is in service and not pending", vector);
}

/* A hypervisor that loses one, or its priority, or acknowledges the same one twice. */
TEST(intr_acknowledged, .on = EACH_CPU, .needs = VMX_ACK_INTR_ON_EXIT,
     .about = "acknowledged at the exit, the higher of two is first; moved in its service, the "
	      "lower one waits for EOI")
{
	struct l2 *l2 = event_l2_new(call_twice, NULL);

	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_EXT_INTR_MASK);
	vmx_set_controls(l2, VM_EXIT_CONTROLS, VM_EXIT_ACK_INTR_ON_EXIT);
	irq_disable();
	pend(LOW_VECTOR);
	pend(HIGH_VECTOR);
	check_acknowledged(l2, HIGH_VECTOR);
	migrate_quiet();
	expect_call(l2, 1, "the higher one is in service");
	check_pending(LOW_VECTOR, "the higher one is in service");
	if (!broken("lost"))
		dispatch(HIGH_VECTOR);
	check_acknowledged(l2, LOW_VECTOR);
	dispatch(LOW_VECTOR);
	l1_got("by INT", HIGH_VECTOR, LOW_VECTOR);
	irq_enable();
	expect_call(l2, 2, "nothing pending");
	expect_end(l2);
	event_l2_free(l2);
}

struct behind_if {
	bool exit; /* and come back, before L2 sets IF */
};

static void pend_behind_if(void *data)
{
	struct behind_if *how = data;

	irq_disable();
	if (!broken("lost"))
		pend(LOW_VECTOR);
	pend(HIGH_VECTOR);
	migrate_quiet();
	if (how->exit)
		l2_call(1);
	open_windows();
	l2_call(2);
}

static void take_behind_if(bool exit)
{
	struct behind_if how = { .exit = exit };
	struct l2 *l2 = event_l2_new(pend_behind_if, &how);

	l2_irq_off(l2);
	irq_disable();
	if (exit) {
		expect_call(l2, 1, "interrupts off in L2");
		check_pending(HIGH_VECTOR, "interrupts off in L2");
	}
	expect_event(l2, HIGH_VECTOR, NO_CODE, (u64)behind_sti, "L2 has set IF");
	report(apic_read_bit(APIC_ISR, HIGH_VECTOR) && !vector_is_pending(HIGH_VECTOR),
	       "it is in service in the local APIC, and no longer pending");
	eoi();
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_sti, "the lower one");
	eoi();
	expect_call(l2, 2, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

/* A hypervisor that gives them to L1, or forgets which waited behind L2's IF. */
TEST(intr_taken_by_l2, .on = EACH_CPU, .needs = VMX,
     .about = "moved with interrupts pending behind its IF, L2 takes them when it sets IF, in "
	      "their order, once")
{
	take_behind_if(false);
}

/* One that knows of them only where they came: L1's entry is another beginning. */
TEST(intr_taken_behind_exit, .on = EACH_CPU, .needs = VMX,
     .about = "the same where L2 has exited in between")
{
	take_behind_if(true);
}

static void pend_behind_tpr(void *data)
{
	write_cr8(VECTOR_CLASS(LOW_VECTOR));
	pend(LOW_VECTOR);
	migrate_quiet();
	report(vector_is_pending(LOW_VECTOR) && read_cr8() == VECTOR_CLASS(LOW_VECTOR),
	       "behind CR8 %lu vector 0x%x is pending", read_cr8(), LOW_VECTOR);
	l2_call(1);
	if (!broken("lost"))
		write_cr8(0);
	await_seen();
	l2_call(2);
}

/* A hypervisor that lets it out of the move past the priority, or not at all any more. */
TEST(intr_behind_tpr, .on = EACH_CPU, .needs = VMX,
     .about = "moved with an interrupt pending behind the task priority: it exits when L2 lowers "
	      "CR8, once")
{
	struct l2 *l2 = event_l2_new(pend_behind_tpr, NULL);

	seen = false;
	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_EXT_INTR_MASK);
	expect_call(l2, 1, "behind CR8");
	l1_got_nothing("behind CR8");
	expect_exit(l2, EXIT_REASON_EXTERNAL_INTERRUPT, "CR8 lowered");
	l1_got("CR8 lowered", LOW_VECTOR);
	seen = true;
	expect_call(l2, 2, "taken");
	expect_end(l2);
	event_l2_free(l2);
}
