// SPDX-License-Identifier: GPL-2.0-or-later
/* See halted-cpu.h. */
#include "halted-cpu.h"
#include "apic.h"
#include "deadline.h"
#include "exception.h"
#include "processor.h"
#include "report.h"
#include "smp.h"

#define ARRIVAL_MS 2000
#define HALT_US	   50000

static struct {
	enum { COMES, HALTS, AWAKE } stage;
	bool may_end;
	void (*before)(void), (*after)(void);
	handler nmi_handler;
} halted;

static void on_nmi(struct ex_regs *regs)
{
}

static void halt_with_irqs_off(void *data)
{
	u64 flags = irq_save();

	if (halted.before)
		halted.before();
	WRITE_ONCE(halted.stage, HALTS);
	halt();
	WRITE_ONCE(halted.stage, AWAKE);
	while (!READ_ONCE(halted.may_end)) {
		show_life();
		pause();
	}
	irq_restore(flags);
	if (halted.after)
		halted.after();
}

static bool is_awake(void)
{
	return READ_ONCE(halted.stage) == AWAKE;
}

void halted_cpu_begin(int cpu, void (*before)(void))
{
	halted.nmi_handler = handle_exception(NMI_VECTOR, on_nmi);
	halted.before = before;
	WRITE_ONCE(halted.stage, COMES);
	WRITE_ONCE(halted.may_end, false);
	on_cpu_async(cpu, halt_with_irqs_off, NULL);
	wait_for(READ_ONCE(halted.stage) != COMES, LIBRARY_DEADLINE_MS, "CPU %d", cpu);
	delay_us(HALT_US);
}

void halted_cpu_check(int cpu, const char *when)
{
	report(!is_awake(), "%s: CPU %d, which nothing has woken, is halted", when, cpu);
}

void halted_cpu_end(int cpu, void (*after)(void), const char *when)
{
	halted.after = after;
	apic_send_nmi(cpu);
	report(wait_until(is_awake(), ARRIVAL_MS), "%s: an NMI wakes CPU %d", when, cpu);
	WRITE_ONCE(halted.may_end, true);
	on_cpu_wait(cpu);
	handle_exception(NMI_VECTOR, halted.nmi_handler);
}
