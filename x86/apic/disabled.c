// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * apic: APICs that are disabled, by software or in IA32_APIC_BASE (Intel SDM volume 3, "Local APIC
 * Status and Location", "Local APIC State After It Has Been Software Disabled"). A part of the
 * program apic: see apic.c.
 *
 * A broken hypervisor delivers interrupts to such a CPU after an action, or none when it has
 * enabled its APIC again, or does not know any more that an NMI comes nevertheless if only software
 * has disabled the APIC.
 *
 * The CPU waits in a function, and another one sends the interrupts. Whether what was sent to a
 * disabled APIC comes when it is enabled is not looked at: QEMU's APIC keeps it.
 */
#include "apic.h"
#include "deadline.h"
#include "isr.h"
#include "migrate.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "x86/apic/local-apic.h"

#define VECTOR 0x59

static PER_CPU(u32, arrived);
static PER_CPU(u32, nmis);

static void count_arrival(isr_regs_t *regs)
{
	this_cpu(arrived)++;
}

static void count_nmi(struct ex_regs *regs)
{
	this_cpu(nmis)++;
}

enum stage { COMES, DISABLED, MAY_ENABLE, ENABLED, MAY_LEAVE };

static enum stage stage;

static void await(enum stage wanted)
{
	while (READ_ONCE(stage) != wanted) {
		show_life();
		pause();
	}
}

static void be_disabled_by_software(void *data)
{
	u32 svr = apic_read(APIC_SPIV);

	apic_write(APIC_SPIV, svr & ~APIC_SPIV_APIC_ENABLED);
	WRITE_ONCE(stage, DISABLED);
	await(MAY_ENABLE);
	apic_write(APIC_SPIV, svr);
	WRITE_ONCE(stage, ENABLED);
	await(MAY_LEAVE);
}

static void be_disabled(void *data)
{
	bool was_x2apic = is_x2apic_enabled();

	disable_apic();
	WRITE_ONCE(stage, DISABLED);
	await(MAY_ENABLE);
	if (was_x2apic)
		enable_x2apic();
	else
		enable_xapic();
	WRITE_ONCE(stage, ENABLED);
	await(MAY_LEAVE);
}

static void check_silence(int cpu, const char *when)
{
	apic_send_ipi(cpu, VECTOR);
	delay_us(SILENCE_US);
	report(!READ_ONCE(*cpu_ptr(arrived, cpu)),
	       "%s: an interrupt that is sent to CPU %d, whose APIC is disabled, does not come",
	       when, cpu);
}

static void check_nmi(int cpu, u32 count, const char *when)
{
	apic_send_nmi(cpu);
	report(wait_until(READ_ONCE(*cpu_ptr(nmis, cpu)) == count, ARRIVAL_MS),
	       "%s: an NMI comes to CPU %d, whose APIC software has disabled: it has got %u", when,
	       cpu, *cpu_ptr(nmis, cpu));
}

static void check_disabled(void (*function)(void *data), bool takes_nmis)
{
	int cpu = cpu_count() - 1;
	handler before = handle_exception(NMI_VECTOR, count_nmi);

	handle_irq_eoi(VECTOR, count_arrival);
	*cpu_ptr(arrived, cpu) = *cpu_ptr(nmis, cpu) = 0;
	WRITE_ONCE(stage, COMES);
	on_cpu_async(cpu, function, NULL);
	wait_for(READ_ONCE(stage) == DISABLED, ARRIVAL_MS, "the CPU to disable its APIC");
	check_silence(cpu, "before the action");
	if (takes_nmis)
		check_nmi(cpu, 1, "before the action");
	migrate_quiet();
	check_silence(cpu, "after the action");
	if (takes_nmis)
		check_nmi(cpu, 2, "after the action");
	WRITE_ONCE(stage, MAY_ENABLE);
	wait_for(READ_ONCE(stage) == ENABLED, ARRIVAL_MS, "the CPU to enable its APIC");
	delay_us(SILENCE_US);
	*cpu_ptr(arrived, cpu) = 0;
	apic_send_ipi(cpu, VECTOR);
	report(wait_until(READ_ONCE(*cpu_ptr(arrived, cpu)) == 1, ARRIVAL_MS),
	       "an interrupt comes to CPU %d, whose APIC was disabled during the action: %u", cpu,
	       *cpu_ptr(arrived, cpu));
	WRITE_ONCE(stage, MAY_LEAVE);
	on_cpu_wait(cpu);
	unhandle_irq(VECTOR);
	handle_exception(NMI_VECTOR, before);
}

TEST(disabled_by_software, .needs = SMP,
     .about =
	     "an APIC that software has disabled takes NMIs and no interrupts after an action, until it is enabled")
{
	check_disabled(be_disabled_by_software, true);
}

TEST(disabled, .needs = SMP,
     .about =
	     "an APIC that is disabled in IA32_APIC_BASE takes no interrupts after an action, until it is enabled")
{
	check_disabled(be_disabled, false);
}
