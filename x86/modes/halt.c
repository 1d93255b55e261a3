// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * modes: a CPU that has halted with interrupts off (Intel SDM volume 2, "HLT"; AMD APM volume 3,
 * "HLT"). A part of the program modes: see modes.c.
 *
 * Only an NMI, an SMI, INIT or RESET ends such a HLT. Operating systems park CPUs like this. A
 * broken hypervisor lets the CPU run on after an action, at the instruction behind HLT, as though
 * something had come. Or it forgets that the CPU has halted, or how to wake it.
 *
 * KVM sends a guest that has asked for asynchronous page faults an interrupt when it is restored:
 * "all pages are ready" (Linux Documentation/virt/kvm/x86/msr.rst, MSR_KVM_ASYNC_PF_EN). It has to
 * wait until interrupts are on, like any other.
 *
 * The tests see that the CPU is awake before it has got an NMI, or is not awake afterwards. They
 * do not see a HLT that the hypervisor ends and has executed once more.
 *
 * On the command line: break=halt sends the NMI too early.
 */
#include "alloc_page.h"
#include "apic.h"
#include "deadline.h"
#include "isr.h"
#include "kvm-para.h"
#include "migrate.h"
#include "processor.h"
#include "smp.h"
#include "test.h"

#define VECTOR	   0x66
#define ARRIVAL_MS 2000
#define HALT_US	   50000

FEATURE(ASYNC_PF, "KVM's asynchronous page faults")
{
	return async_pf_is_there();
}

enum stage { COMES, HALTS, AWAKE };

static enum stage stage;
static bool may_end;

static void on_nmi(struct ex_regs *regs)
{
}

/* It stays awake until all is over: with interrupts on, the CPU would be back in the library. */
static void halt_with_irqs_off(void *data)
{
	u64 flags = irq_save();

	WRITE_ONCE(stage, HALTS);
	halt();
	WRITE_ONCE(stage, AWAKE);
	while (!READ_ONCE(may_end)) {
		show_life();
		pause();
	}
	irq_restore(flags);
}

static bool is_awake(void)
{
	return READ_ONCE(stage) == AWAKE;
}

static void check_halt(int cpu, bool act)
{
	const char *when = act ? "after the action" : "without an action";

	WRITE_ONCE(stage, COMES);
	WRITE_ONCE(may_end, false);
	on_cpu_async(cpu, halt_with_irqs_off, NULL);
	report_if_failed(wait_until(READ_ONCE(stage) != COMES, ARRIVAL_MS), "CPU %d comes", cpu);
	/* Then it has halted, unless a busy host keeps it from that. */
	delay_us(HALT_US);
	if (act) {
		if (broken("halt"))
			apic_send_nmi(cpu);
		migrate_quiet();
		delay_us(HALT_US);
	}
	report(!is_awake(), "%s: CPU %d, which nothing has woken, is halted", when, cpu);
	apic_send_nmi(cpu);
	report(wait_until(is_awake(), ARRIVAL_MS), "%s: an NMI wakes CPU %d", when, cpu);
	WRITE_ONCE(may_end, true);
	on_cpu_wait(cpu);
}

static void halt_without_and_with_action(int cpu)
{
	handler before = handle_exception(NMI_VECTOR, on_nmi);

	check_halt(cpu, false);
	check_halt(cpu, true);
	handle_exception(NMI_VECTOR, before);
}

TEST(halt_lasts, .needs = SMP,
     .about = "a CPU that has halted with interrupts off stays halted in an action, until an NMI")
{
	halt_without_and_with_action(other_cpu());
}

static volatile struct async_pf *shared;

static void on_page_ready(isr_regs_t *regs)
{
	async_pf_take_token(shared);
}

static void enable(void *data)
{
	async_pf_enable(shared, VECTOR, 0);
}

static void disable(void *data)
{
	async_pf_disable();
}

TEST(halt_lasts_with_async_pf, .needs = ALL_OF(SMP, ASYNC_PF),
     .about =
	     "a CPU that has asked for asynchronous page faults, and has halted with interrupts off, stays halted in an action, until an NMI")
{
	int cpu = other_cpu();

	shared = alloc_page();
	handle_irq_eoi(VECTOR, on_page_ready);
	on_cpu(cpu, enable, NULL);
	halt_without_and_with_action(cpu);
	on_cpu(cpu, disable, NULL);
	unhandle_irq(VECTOR);
	free_page((void *)shared);
}
