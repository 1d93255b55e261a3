// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest: memory, CPUs and registers survive a live migration, and every other action. A part
 * of the program selftest: see selftest.c.
 */
#include "alloc_page.h"
#include "apic.h"
#include "atomic.h"
#include "ioapic.h"
#include "isr.h"
#include "processor.h"
#include "smp.h"
#include "tsc.h"
#include "vm.h"
#include "x86/selftest/selftest.h"

static PER_CPU(u64, beats);
static atomic_t stop_beating;

static void beat(void *data)
{
	while (!atomic_read(&stop_beating)) {
		this_cpu(beats)++;
		pause();
	}
}

/*
 * A broken hypervisor or VMM loses pages, stops CPUs, or brings the interrupt controller back in
 * another state. This test sees no other loss. Other programs test single devices and clocks.
 */
TEST(survives_a_move, .about = "memory, running CPUs and interrupts survive an action")
{
	const unsigned order = 8;
	u64 *memory = alloc_pages_dirty(order);
	u64 step = PAGE_SIZE / sizeof(u64), pages = 1ul << order;
	u64 wrong = 0, sum;
	int cpu, going = 0;

	for (u64 i = 0; i < pages; i++)
		memory[i * step] = (u64)&memory[i] * 0x9e3779b97f4a7c15;
	atomic_set(&stop_beating, 0);
	for_each_cpu (cpu)
		if (cpu)
			on_cpu_async(cpu, beat, NULL);
	migrate();
	for (u64 i = 0; i < pages; i++)
		wrong += memory[i * step] != (u64)&memory[i] * 0x9e3779b97f4a7c15;
	report(!wrong, "%lu of %lu pages have changed", wrong, pages);
	for_each_cpu (cpu) {
		if (!cpu)
			continue;
		sum = READ_ONCE(*cpu_ptr(beats, cpu));
		going += wait_until(READ_ONCE(*cpu_ptr(beats, cpu)) != sum, ARRIVAL_MS);
	}
	report(going == cpu_count() - 1, "%d of %d other CPUs go on", going, cpu_count() - 1);
	atomic_set(&stop_beating, 1);

	handle_irq_eoi(VECTOR_A, count_arrival);
	for_each_cpu (cpu) {
		on_cpu_wait(cpu);
		*cpu_ptr(arrived, cpu) = 0;
		apic_send_ipi(cpu, VECTOR_A);
		report_if_failed(wait_until(READ_ONCE(*cpu_ptr(arrived, cpu)) == 1, ARRIVAL_MS),
				 "CPU %d got %d interrupts", cpu, *cpu_ptr(arrived, cpu));
	}
	unhandle_irq(VECTOR_A);
	report_pass("every CPU takes interrupts");
	free_pages(memory);
}

/* No reset sets these values, every CPU takes them, and nothing in this program uses them. */
static const struct {
	const char *name;
	u32 msr;
	u64 value;
} unusual[] = {
	{ "STAR", MSR_STAR, 0x0023001000000000 },
	{ "LSTAR", MSR_LSTAR, 0xffffffff81234560 },
	{ "CSTAR", MSR_CSTAR, 0xffffffff81234570 },
	{ "SFMASK", MSR_SYSCALL_MASK, 0x47700 },
	{ "SYSENTER_CS", MSR_IA32_SYSENTER_CS, 0x10 },
	/* On AMD these two have 32 bits. */
	{ "SYSENTER_ESP", MSR_IA32_SYSENTER_ESP, 0x81234580 },
	{ "SYSENTER_EIP", MSR_IA32_SYSENTER_EIP, 0x81234590 },
	{ "KernelGSbase", MSR_KERNEL_GS_BASE, 0xffff888012345678 },
	/* Only the upper four types are unusual. No page here has one of them. */
	{ "PAT", MSR_IA32_CR_PAT, 0x0007010500070406 },
};

#define UNUSUAL_DR0  0x12345000
#define UNUSUAL_CR8  2
#define UNUSUAL_TDCR 0x3 /* divides by 16 */

/*
 * A broken hypervisor or VMM loses one of these registers, or the interrupt that waits. The values
 * have no effect. They only have to be there afterwards.
 *
 * Under plan reset the guest is reset in the middle. The reset has to bring all registers back
 * to what they were at the first boot, which the runner checks, and the interrupt must not come,
 * as nobody would handle it.
 */
TEST(registers_move_along, .on = EACH_CPU,
     .about = "each CPU's registers, and an interrupt that waits, survive an action")
{
	u64 before[ARRAY_SIZE(unusual)], value, flags;
	bool there[ARRAY_SIZE(unusual)];
	u64 dr0 = read_dr0(), cr8 = read_cr8();
	u32 divide = apic_read(APIC_TDCR);
	int found = 0;

	handle_irq_eoi(VECTOR_A, count_arrival);
	this_cpu(arrived) = 0;
	flags = irq_save();
	for (size_t i = 0; i < ARRAY_SIZE(unusual); i++) {
		there[i] = !rdmsr_safe(unusual[i].msr, &before[i]) &&
			   !wrmsr_safe(unusual[i].msr, unusual[i].value);
		found += there[i];
	}
	write_dr0(UNUSUAL_DR0);
	write_cr8(UNUSUAL_CR8);
	apic_write(APIC_TDCR, UNUSUAL_TDCR);
	apic_send_self_ipi(VECTOR_A);

	migrate_quiet();

	for (size_t i = 0; i < ARRAY_SIZE(unusual); i++) {
		if (!there[i])
			continue;
		value = rdmsr(unusual[i].msr);
		report_if_failed(value == unusual[i].value, "%s is 0x%lx and was 0x%lx",
				 unusual[i].name, value, unusual[i].value);
		wrmsr(unusual[i].msr, before[i]);
	}
	report(read_dr0() == UNUSUAL_DR0 && read_cr8() == UNUSUAL_CR8 &&
		       apic_read(APIC_TDCR) == UNUSUAL_TDCR,
	       "%d MSRs; DR0 is 0x%lx, CR8 %lu, TDCR 0x%x", found, read_dr0(), read_cr8(),
	       apic_read(APIC_TDCR));
	write_dr0(dr0);
	apic_write(APIC_TDCR, divide);
	report(!this_cpu(arrived), "the interrupt waits");
	irq_restore(flags);
	report(wait_until(READ_ONCE(this_cpu(arrived)) == 1, ARRIVAL_MS),
	       "the interrupt has come %d times", this_cpu(arrived));
	/*
	 * A write to CR8 while the interrupt waits would end QEMU's TCG in a nested guest
	 * (docs/findings.md).
	 */
	write_cr8(cr8);
	unhandle_irq(VECTOR_A);
}

#define FIRST_PIN 20
#define LAST_PIN  23

/* No device of this program's machine uses these pins, and they are masked when they move. */
TEST(ioapic_moves_along, .about = "the IOAPIC's redirection table survives an action")
{
	u64 before[LAST_PIN + 1];
	int wrong = 0;

	for (int pin = FIRST_PIN; pin <= LAST_PIN; pin++) {
		ioapic_route_level(pin, pin % cpu_count(), VECTOR_A + pin);
		ioapic_mask(pin);
		before[pin] = ioapic_read_entry(pin);
	}
	migrate();
	for (int pin = FIRST_PIN; pin <= LAST_PIN; pin++)
		wrong += ioapic_read_entry(pin) != before[pin];
	report(!wrong, "%d of %d entries have changed", wrong, LAST_PIN - FIRST_PIN + 1);
}

static u64 last_tsc, back_from;
static s64 most_back;

static void look_at_tsc(void)
{
	u64 now = rdtsc_ordered();
	s64 back = last_tsc - now;

	if (back > most_back) {
		most_back = back;
		back_from = last_tsc;
	}
	last_tsc = now;
}

/* Sets the TSC to HALVES half seconds, asks for an action, and sets the TSC ahead again. */
static void be_young(s64 halves)
{
	u64 begin = halves * (s64)(tsc_hz() / 2);
	s64 older = rdtsc_ordered() - begin;

	tsc_advance_all(-older);
	last_tsc = rdtsc_ordered();
	migrate_quiet_while(look_at_tsc);
	tsc_advance_all(older);
}

/*
 * The guest's TSC says that the guest is about as old as the VM that it is restored to. A broken
 * hypervisor takes the restored TSC for an attempt to synchronize vCPUs, and goes on with the TSC
 * of the new VM. In all other programs this cannot happen, since their TSC begins hours ahead
 * (tsc.h).
 *
 * The hypervisor has to see a guest that is older than the new VM by less than a second. If the new
 * VM is created within 2.5 s of the request, one of the three ages leads to this. The test does not
 * see a TSC that leaps ahead.
 */
TEST(young_tsc, .needs = TSC_IS_AHEAD,
     .about =
	     "the TSC of a guest that is about as old as the destination's VM does not step back in an action")
{
	static const s64 ages[] = { 1, -1, -3 };

	most_back = 0;
	for (size_t i = 0; i < ARRAY_SIZE(ages); i++)
		be_young(ages[i]);
	report(!most_back && last_tsc + TSC_AHEAD / 2 < TSC_AHEAD,
	       "the TSC stepped back by %ld, from 0x%lx; last it was 0x%lx (%lu ticks a second)",
	       most_back, back_from, last_tsc, tsc_hz());
}
