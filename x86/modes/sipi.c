// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * modes: CPUs that an INIT has stopped, and that wait for a SIPI (Intel SDM volume 3, "MP
 * Initialization Protocol" and "Processor State After Reset"; KVM API documentation,
 * KVM_GET_MP_STATE). A part of the program modes: see modes.c.
 *
 * A guest's CPUs are in this state until it uses them, and while it brings them up. A broken
 * hypervisor lets such a CPU run. It begins at the firmware, so the machine boots again. Or the
 * hypervisor ignores the SIPI, or the INIT has not reset all of the CPU.
 */
#include "libcflat.h"
#include "apic.h"
#include "migrate.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"

#define ARRIVAL_MS 2000

static PER_CPU(u32, runs);
static PER_CPU(u64, apic_base);

static void run(void *data)
{
	this_cpu(runs)++;
	this_cpu(apic_base) = rdmsr(MSR_IA32_APICBASE);
}

static void check_that_it_runs(int cpu, const char *when)
{
	u32 before = *cpu_ptr(runs, cpu);

	on_cpu(cpu, run, NULL);
	report(*cpu_ptr(runs, cpu) == before + 1 &&
		       !(*cpu_ptr(apic_base, cpu) & MSR_IA32_APICBASE_BSP),
	       "CPU %d %s: it has run a function %u times; IA32_APIC_BASE is 0x%lx", cpu, when,
	       *cpu_ptr(runs, cpu) - before, *cpu_ptr(apic_base, cpu));
}

static void start(int cpu, const char *when)
{
	if (!report(smp_start(cpu), "CPU %d has started %s", cpu, when))
		report_abort("CPU %d, which every later test needs, does not run any more", cpu);
	check_that_it_runs(cpu, when);
}

static void stop(int cpu)
{
	smp_send_init(cpu);
	smp_forget(cpu);
}

TEST(wait_for_sipi, .needs = SMP,
     .about =
	     "CPUs that wait for a SIPI still do so after an action, and then start at its address")
{
	int cpu;

	for_each_cpu (cpu)
		if (cpu)
			stop(cpu);
	migrate_quiet();
	for_each_cpu (cpu)
		if (cpu)
			start(cpu, "by a SIPI after the action");
}

/* The same without an action in between. */
TEST(init_and_sipi, .needs = SMP, .about = "an INIT stops a CPU, and a SIPI starts it anew")
{
	int cpu;

	for_each_cpu (cpu) {
		if (!cpu)
			continue;
		stop(cpu);
		start(cpu, "by a SIPI");
	}
	migrate_quiet();
	for_each_cpu (cpu)
		if (cpu)
			check_that_it_runs(cpu, "after the action");
}

static void spin(void *data)
{
	for (;;) {
		this_cpu(runs)++;
		show_life();
		pause();
	}
}

/*
 * A look may come too early, since the INIT may still be on its way. But a CPU that no INIT has
 * stopped does not start by a SIPI either.
 */
static bool is_stopped(int cpu)
{
	return stands_still(cpu_ptr(runs, cpu));
}

/* The CPU is stopped by an INIT in the middle of an action. */
TEST(init_of_busy_cpu, .needs = SMP,
     .about = "an INIT stops a CPU that was busy before an action, and it stays stopped")
{
	int cpu = cpu_count() - 1;
	u32 before;

	on_cpu_async(cpu, spin, NULL);
	migrate_quiet();
	before = READ_ONCE(*cpu_ptr(runs, cpu));
	report(wait_until(READ_ONCE(*cpu_ptr(runs, cpu)) != before, ARRIVAL_MS),
	       "CPU %d goes on after the action", cpu);
	stop(cpu);
	report(wait_until(is_stopped(cpu), ARRIVAL_MS), "an INIT stops CPU %d", cpu);
	migrate_quiet();
	report(wait_until(is_stopped(cpu), ARRIVAL_MS),
	       "CPU %d, which an INIT had stopped, stands still after the action", cpu);
	start(cpu, "by a SIPI after the action");
}
