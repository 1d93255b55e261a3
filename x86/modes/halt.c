// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * modes: a CPU that has halted with interrupts off (Intel SDM volume 2, "HLT"; AMD APM volume 3,
 * "HLT"). A part of the program modes: see modes.c.
 *
 * Only an NMI, an SMI, INIT or RESET ends such a HLT. Operating systems park CPUs like this. A
 * broken hypervisor lets the CPU run on, at the instruction behind HLT, as though something had
 * come: after an action, or when an interrupt comes that has to wait. Or it forgets that the CPU
 * has halted, or how to wake it.
 *
 * KVM sends a guest that has asked for asynchronous page faults an interrupt when it is restored:
 * "all pages are ready" (Linux Documentation/virt/kvm/x86/msr.rst, MSR_KVM_ASYNC_PF_EN). It has to
 * wait like any other.
 *
 * The tests see that the CPU is awake before it has got an NMI, or is not awake afterwards. They do
 * not see a HLT that the hypervisor ends and then executes again.
 *
 * On the command line: break=halt sends the NMI too early.
 */
#include "alloc_page.h"
#include "apic.h"
#include "deadline.h"
#include "halted-cpu.h"
#include "isr.h"
#include "kvm-para.h"
#include "migrate.h"
#include "percpu.h"
#include "smp.h"
#include "test.h"

#define VECTOR	   0x66
#define ARRIVAL_MS 2000
/* How long a test waits to see whether a CPU wakes that should stay halted. */
#define SILENCE_US 50000

static void check_halted(int cpu, const char *when)
{
	if (broken("halt"))
		apic_send_nmi(cpu);
	delay_us(SILENCE_US);
	halted_cpu_check(cpu, when);
}

static void halt_without_and_with_action(int cpu)
{
	halted_cpu_begin(cpu, NULL);
	check_halted(cpu, "without an action");
	halted_cpu_end(cpu, NULL, "without an action");

	halted_cpu_begin(cpu, NULL);
	migrate_quiet();
	check_halted(cpu, "after the action");
	halted_cpu_end(cpu, NULL, "after the action");
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

/* ---- interrupts that have to wait ---- */

static PER_CPU(u32, interrupts);

static void count_interrupt(isr_regs_t *regs)
{
	this_cpu(interrupts)++;
}

/* One interrupt comes before the action, and one in it or after it. Both wait for the NMI. */
static void check_waiting_interrupts(void (*before)(void), void (*send)(int cpu),
				     void (*after)(void), u32 wanted)
{
	int cpu = other_cpu();

	*cpu_ptr(interrupts, cpu) = 0;
	handle_irq_eoi(VECTOR, count_interrupt);
	halted_cpu_begin(cpu, before);
	if (send)
		send(cpu);
	check_halted(cpu, "before the action");
	migrate_quiet();
	check_halted(cpu, "after the action");
	report(!READ_ONCE(*cpu_ptr(interrupts, cpu)), "no interrupt comes while they are off");
	halted_cpu_end(cpu, after, "after the action");
	report(wait_until(READ_ONCE(*cpu_ptr(interrupts, cpu)) >= wanted, ARRIVAL_MS),
	       "after the NMI the interrupt that has waited comes");
	unhandle_irq(VECTOR);
}

static void send_ipi(int cpu)
{
	apic_send_ipi(cpu, VECTOR);
}

TEST(halt_lasts_with_ipi, .needs = SMP,
     .about =
	     "an interrupt from another CPU does not wake a CPU that has halted with interrupts off, but comes after an NMI")
{
	check_waiting_interrupts(NULL, send_ipi, NULL, 1);
}

/* Several periods pass before the action, and at least one in it. */
static void start_timer(void)
{
	apic_setup_timer(VECTOR, APIC_LVT_TIMER_PERIODIC);
	apic_start_timer(apic_timer_hz() / 100);
}

TEST(halt_lasts_with_timer, .needs = SMP,
     .about =
	     "an APIC timer does not wake a CPU that has halted with interrupts off, but interrupts after an NMI")
{
	check_waiting_interrupts(start_timer, NULL, apic_cleanup_timer, 1);
}
