// SPDX-License-Identifier: GPL-2.0-or-later
/* See step-over.h. */
#include "step-over.h"
#include "exception.h"
#include "percpu.h"
#include "processor.h"

/* The scratch register of COM1, which no other code uses (PC16550D data sheet). */
#define PORT	 0x3ff
#define ROUNDS	 16
#define DR6_ONES 0xffff0ff0ul /* bits that read as 1; BLD and RTM are active low */
#define BS	 BIT(14)

extern char behind_step_over[];

struct steps {
	u32 rounds, traps;
	u32 misplaced, wrong_dr6; /* of the traps */
	u64 last_rip, last_dr6;	  /* of these */
	u64 own_dr6;
	handler before;
};

static PER_CPU(struct steps, steps);

static void on_trap(struct ex_regs *regs)
{
	struct steps *here = &this_cpu(steps);
	u64 dr6 = read_dr6();

	here->traps++;
	if (regs->rip != (u64)behind_step_over) {
		here->misplaced++;
		here->last_rip = regs->rip;
	}
	if (dr6 != (DR6_ONES | BS)) {
		here->wrong_dr6++;
		here->last_dr6 = dr6;
	}
	write_dr6(DR6_ONES);
	regs->rflags &= ~(u64)X86_EFLAGS_TF;
}

/* Not inlined, since its label is global. The #DB comes after the instruction that follows POPF. */
static void __attribute__((noinline)) step_over_one(void)
{
	asm volatile("	pushf\n"
		     "	orl	%1, (%%rsp)\n"
		     "	popf\n"
		     "	outb	%%al, %%dx\n"
		     ".globl behind_step_over\n"
		     "behind_step_over:\n"
		     "	nop\n"
		     "	nop\n"
		     :
		     : "d"((u16)PORT), "i"(X86_EFLAGS_TF), "a"((u8)0)
		     : "memory", "cc");
}

void step_begin(void)
{
	this_cpu(steps) = (struct steps){ .own_dr6 = read_dr6(),
					  .before = handle_exception(DB_VECTOR, on_trap) };
	write_dr6(DR6_ONES);
}

void step_end(void)
{
	handle_exception(DB_VECTOR, this_cpu(steps).before);
	write_dr6(this_cpu(steps).own_dr6);
}

void step_over_some(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		this_cpu(steps).rounds++;
		step_over_one();
	}
}

bool step_is_right(void)
{
	const struct steps *here = &this_cpu(steps);

	return here->traps == here->rounds && !here->misplaced && !here->wrong_dr6;
}

void step_text(char *text, size_t size)
{
	const struct steps *here = &this_cpu(steps);

	snprintf(
		text, size,
		"%u #DBs for %u steps over OUT; %u of them not behind it (the last at 0x%lx, instead of %p), %u with a wrong DR6 (the last 0x%lx, instead of 0x%lx)",
		here->traps, here->rounds, here->misplaced, here->last_rip, behind_step_over,
		here->wrong_dr6, here->last_dr6, DR6_ONES | BS);
}
