// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Handles all 256 vectors: fix-ups, catch_exception(), handlers, and the report on an unexpected
 * exception. See exception.h and isr.h.
 */
#include "apic.h"
#include "atomic.h"
#include "backtrace.h"
#include "console.h"
#include "ghost.h"
#include "isr.h"
#include "percpu.h"
#include "processor.h"
#include "setjmp.h"
#include "smp.h"
#include "stacks.h"

/* How long a pending interrupt may take to be delivered. */
#define PENDING_IRQ_MS 1000

struct fixup {
	u64 instruction, go_on;
};

struct record {
	int vector;
	u32 error_code;
	u64 cr2;
};

/* What the library does for a handler: it looks for ghosts, and sends EOI. */
enum irq_service { IRQ_PLAIN, IRQ_EOI, IRQ_ANY };

struct irq_action {
	isr function;
	enum irq_service service;
};

extern const struct fixup exception_table_start[], exception_table_end[];

void exception_entry(struct ex_regs *regs);

static handler exception_handlers[32];
static struct irq_action irq_actions[256];
static atomic64_t spurious_count;

static PER_CPU(struct record, last_exception);
static PER_CPU(struct jmp_registers *, catcher);
static PER_CPU(int, reports_begun);

static const char *const mnemonics[32] = {
	[DE_VECTOR] = "#DE", [DB_VECTOR] = "#DB", [NMI_VECTOR] = "NMI", [BP_VECTOR] = "#BP",
	[OF_VECTOR] = "#OF", [BR_VECTOR] = "#BR", [UD_VECTOR] = "#UD",	[NM_VECTOR] = "#NM",
	[DF_VECTOR] = "#DF", [TS_VECTOR] = "#TS", [NP_VECTOR] = "#NP",	[SS_VECTOR] = "#SS",
	[GP_VECTOR] = "#GP", [PF_VECTOR] = "#PF", [MF_VECTOR] = "#MF",	[AC_VECTOR] = "#AC",
	[MC_VECTOR] = "#MC", [XM_VECTOR] = "#XM", [VE_VECTOR] = "#VE",	[CP_VECTOR] = "#CP",
	[HV_VECTOR] = "#HV", [VC_VECTOR] = "#VC", [SX_VECTOR] = "#SX",
};

const char *exception_mnemonic(int vector)
{
	if (vector == NO_EXCEPTION)
		return "no exception";
	if (vector < 0 || vector >= (int)ARRAY_SIZE(mnemonics) || !mnemonics[vector])
		return "#?";
	return mnemonics[vector];
}

int exception_vector(void)
{
	return this_cpu(last_exception).vector;
}

u32 exception_error_code(void)
{
	return this_cpu(last_exception).error_code;
}

u64 exception_cr2(void)
{
	return this_cpu(last_exception).cr2;
}

void exception_clear(void)
{
	this_cpu(last_exception).vector = NO_EXCEPTION;
}

static void record(const struct ex_regs *regs)
{
	this_cpu(last_exception) = (struct record){
		.vector = regs->vector,
		.error_code = regs->error_code,
		.cr2 = read_cr2(),
	};
}

static bool apply_fixup(struct ex_regs *regs)
{
	const struct fixup *fixup;

	/* The instruction does not cause NMIs and machine checks, so no fix-up takes them. */
	if (regs->vector == NMI_VECTOR || regs->vector == MC_VECTOR)
		return false;
	for (fixup = exception_table_start; fixup < exception_table_end; fixup++) {
		if (fixup->instruction != regs->rip)
			continue;
		record(regs);
		regs->rip = fixup->go_on;
		return true;
	}
	return false;
}

/* Turns the return from the exception into a longjmp(). */
static bool apply_catch(struct ex_regs *regs)
{
	struct jmp_registers *state = this_cpu(catcher);

	if (!state || regs->vector == NMI_VECTOR || regs->vector == MC_VECTOR)
		return false;
	record(regs);
	this_cpu(catcher) = NULL;
	regs->rbx = state->rbx;
	regs->rbp = state->rbp;
	regs->r12 = state->r12;
	regs->r13 = state->r13;
	regs->r14 = state->r14;
	regs->r15 = state->r15;
	regs->rsp = state->rsp;
	regs->rip = state->rip;
	regs->rax = 1;
	return true;
}

struct jmp_registers *exchange_catcher(struct jmp_registers *state)
{
	struct jmp_registers *before = this_cpu(catcher);

	this_cpu(catcher) = state;
	return before;
}

int catch_exception(void (*function)(void *data), void *data)
{
	struct jmp_registers *outer = this_cpu(catcher);
	u64 flags = read_rflags();
	jmp_buf state;

	exception_clear();
	if (!setjmp(state)) {
		this_cpu(catcher) = state;
		function(data);
		exception_clear();
	}
	this_cpu(catcher) = outer;
	write_rflags(flags);
	return exception_vector();
}

handler handle_exception(u8 vector, handler function)
{
	assert(vector < ARRAY_SIZE(exception_handlers));
	return xchg(&exception_handlers[vector], function);
}

static void set_irq_action(unsigned vector, isr function, enum irq_service service)
{
	assert(vector >= ARRAY_SIZE(exception_handlers) && vector < ARRAY_SIZE(irq_actions));
	/* An interrupt that comes meanwhile must not find a function with the wrong service. */
	WRITE_ONCE(irq_actions[vector].function, NULL);
	WRITE_ONCE(irq_actions[vector].service, service);
	WRITE_ONCE(irq_actions[vector].function, function);
}

void handle_irq(unsigned vector, isr function)
{
	set_irq_action(vector, function, IRQ_PLAIN);
}

void handle_irq_eoi(unsigned vector, isr function)
{
	set_irq_action(vector, function, IRQ_EOI);
}

void handle_irq_any(unsigned vector, isr function)
{
	set_irq_action(vector, function, IRQ_ANY);
}

void unhandle_irq(unsigned vector)
{
	/* A timer that has just been stopped may have fired before. */
	if (irqs_enabled())
		wait_in_full(!apic_read_bit(APIC_IRR, vector), PENDING_IRQ_MS);
	set_irq_action(vector, NULL, IRQ_PLAIN);
}

u64 spurious_interrupts(void)
{
	return atomic64_read(&spurious_count);
}

static void interrupt_entry(struct ex_regs *regs)
{
	const struct irq_action *action = &irq_actions[regs->vector];
	isr function = READ_ONCE(action->function);

	if (!function && regs->vector == SPURIOUS_VECTOR) {
		/* A spurious interrupt sets no bit in the ISR, so it needs no EOI. */
		atomic64_inc(&spurious_count);
		return;
	}
	if (action->service != IRQ_ANY && ghost_drop(regs))
		return;
	if (!function)
		unhandled_exception(regs);
	function(regs);
	if (action->service == IRQ_EOI)
		eoi();
}

/* entry.S calls this. */
void exception_entry(struct ex_regs *regs)
{
	handler function;

	if (regs->vector >= ARRAY_SIZE(exception_handlers)) {
		interrupt_entry(regs);
		return;
	}
	if (apply_fixup(regs) || apply_catch(regs))
		return;
	function = exception_handlers[regs->vector];
	if (!function)
		unhandled_exception(regs);
	function(regs);
}

static void print_registers(const struct ex_regs *regs, u64 cr2)
{
	printf("rax=%016lx rbx=%016lx rcx=%016lx rdx=%016lx\n", regs->rax, regs->rbx, regs->rcx,
	       regs->rdx);
	printf("rsi=%016lx rdi=%016lx rbp=%016lx rsp=%016lx\n", regs->rsi, regs->rdi, regs->rbp,
	       regs->rsp);
	printf("r8 =%016lx r9 =%016lx r10=%016lx r11=%016lx\n", regs->r8, regs->r9, regs->r10,
	       regs->r11);
	printf("r12=%016lx r13=%016lx r14=%016lx r15=%016lx\n", regs->r12, regs->r13, regs->r14,
	       regs->r15);
	printf("rip=%016lx cs=%04lx ss=%04lx rflags=%08lx\n", regs->rip, regs->cs, regs->ss,
	       regs->rflags);
	printf("cr0=%08lx cr2=%016lx cr3=%08lx cr4=%08lx cr8=%lx efer=%lx\n", read_cr0(), cr2,
	       read_cr3(), read_cr4(), read_cr8(), rdmsr(MSR_EFER));
}

void unhandled_exception(struct ex_regs *regs)
{
	u64 cr2 = read_cr2();
	int cpu = smp_id();
	int stack_owner;

	switch (++this_cpu(reports_begun)) {
	case 1:
		break;
	case 2:
		console_seize();
		printf("Exception %lu (%s) at %lx while reporting one: giving up\n", regs->vector,
		       exception_mnemonic(regs->vector), regs->rip);
		console_exit(127);
	default:
		console_exit(127);
	}

	/* No other CPU may print in between, and the guest ends after it. */
	console_seize();
	machine_line("exception", "vector=%lu error=0x%lx rip=0x%lx cpu=%d", regs->vector,
		     regs->error_code, regs->rip, cpu);
	printf("Unexpected %s %lu (%s), error code 0x%lx, at 0x%lx, cr2 0x%lx, CPU %d\n",
	       regs->vector < 32 ? "exception" : "interrupt", regs->vector,
	       regs->vector < 32 ? exception_mnemonic(regs->vector) : "external", regs->error_code,
	       regs->rip, cr2, cpu);
	stack_owner = stack_guard_owner(cr2);
	if (stack_owner >= 0 && (regs->vector == DF_VECTOR || regs->vector == PF_VECTOR))
		printf("CPU %d has run out of stack\n", stack_owner);
	print_registers(regs, cr2);
	backtrace_exception(regs);
	console_abort();
}
