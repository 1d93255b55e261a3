// SPDX-License-Identifier: GPL-2.0-or-later
/* Tells ghosts from interrupts. See ghost.h. */
#include "ghost.h"
#include "apic.h"
#include "atomic.h"
#include "console.h"
#include "cpuid.h"
#include "exception.h"
#include "smp.h"

/* CPUID may exit from an L2, so ghost_init() asks before the first interrupt. */
static bool emulated;

/*
 * One software KVM has an APIC that shows no vector in service in any handler. There only RFLAGS.IF
 * tells a ghost. A ghost repeats an interrupt, so that interrupt has shown what the APIC does.
 */
static bool shows_service;

static u64 ghosts;
static struct {
	u8 vector;
	int cpu;
	const char *sign;
} last;

void ghost_init(void)
{
	emulated = is_tcg() && !broken("emulated");
}

static bool note(const struct ex_regs *regs, const char *sign)
{
	last.vector = regs->vector;
	last.cpu = smp_id();
	last.sign = sign;
	__atomic_add_fetch(&ghosts, 1, __ATOMIC_SEQ_CST);
	return emulated;
}

bool ghost_drop_out_of_service(const struct ex_regs *regs)
{
	if (apic_read_bit(APIC_ISR, regs->vector)) {
		WRITE_ONCE(shows_service, true);
		return false;
	}
	return READ_ONCE(shows_service) && note(regs, "not in service in the local APIC");
}

bool ghost_drop_uncalled(const struct ex_regs *regs)
{
	return !(regs->rflags & X86_EFLAGS_IF) && note(regs, "while interrupts were off");
}

bool ghost_drop_repeated(const struct ex_regs *regs, bool in_service)
{
	if (in_service)
		return note(regs, "a second time before its EOI");
	return ghost_drop_uncalled(regs);
}

bool ghost_drop(const struct ex_regs *regs)
{
	if (!(regs->rflags & X86_EFLAGS_IF))
		return ghost_drop_uncalled(regs);
	return ghost_drop_out_of_service(regs);
}

void ghost_report(void)
{
	u64 count = xchg(&ghosts, 0ul);

	if (!count)
		return;
	mark("ghosts", "count=%lu vector=0x%x cpu=%d", count, last.vector, last.cpu);
	if (emulated)
		report_info(
			"the emulated CPU delivered %lu interrupts that nobody has sent; handlers did not get them (the last: vector 0x%x on CPU %d, %s)",
			count, last.vector, last.cpu, last.sign);
	else
		report_fail(
			"%lu interrupts came that nobody has sent (the last: vector 0x%x on CPU %d, %s)",
			count, last.vector, last.cpu, last.sign);
}
