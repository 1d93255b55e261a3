// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmclock: a guest that sets its TSC. A part of the program kvmclock: see kvmclock.c.
 *
 * A guest may write IA32_TSC_ADJUST and IA32_TIME_STAMP_COUNTER at any time (Intel SDM volume 3,
 * "Time-Stamp Counter Adjustment"). Linux does so when a CPU comes online whose TSC differs from
 * the others'. A clock page tells the time by the TSC (msr.rst, MSR_KVM_SYSTEM_TIME_NEW), so the
 * hypervisor has to compute the page anew.
 *
 * A broken KVM moves the TSC and leaves the clock page as it is. Then the guest's time leaps by as
 * much, until KVM writes the page for another reason. The tests move the TSC by a second or more,
 * forward and back, and compare the clock with the host's. They do not see an error that is smaller
 * than the time that a question to the host takes. A host kernel that does not trust its TSC sets
 * the guests' TSCs by itself, so these tests are skipped there.
 */
#include "processor.h"
#include "smp.h"
#include "tsc.h"
#include "x86/kvmclock/kvmclock.h"

/* One to four seconds of any TSC. */
#define MOVED_BY (1l << 32)

#define SETS_TSC ALL_OF(KVMCLOCK, HOST_ANSWERS, TSC_IS_AHEAD)

static struct clock_reading first_reading, last_reading;

static void check_from_first(const char *what)
{
	read_clocks(&last_reading);
	check_clock_elapsed(&first_reading, &last_reading, what);
	first_reading = last_reading;
}

static void adjust(void *ticks)
{
	wrmsr(MSR_IA32_TSC_ADJUST, rdmsr(MSR_IA32_TSC_ADJUST) + *(s64 *)ticks);
}

/* A broken KVM may write only the page of the CPU that writes the MSR, or only that of CPU 0. */
TEST(tsc_adjusted, .needs = SETS_TSC,
     .about = "kvmclock does not leap when the guest moves one CPU's TSC by IA32_TSC_ADJUST")
{
	s64 forth = MOVED_BY, back = -MOVED_BY;
	int cpu;

	start_clocks(pvclock_best_msrs());
	read_clocks(&first_reading);
	for_each_cpu (cpu) {
		on_cpu(cpu, adjust, &forth);
		check_from_first("TSC_ADJUST moved the TSC of a CPU forth");
		on_cpu(cpu, adjust, &back);
		check_from_first("TSC_ADJUST moved the TSC of a CPU back");
	}
	stop_clocks();
}

/*
 * A broken VMM or KVM restores the TSC without what the guest has added, or adds it twice. All CPUs
 * move alike, so that their TSCs are in step when the host acts.
 */
TEST(tsc_adjusted_across_move, .needs = SETS_TSC,
     .about = "kvmclock goes on in an action when the guest has moved all TSCs by IA32_TSC_ADJUST")
{
	s64 forth = MOVED_BY, back = -MOVED_BY;

	start_clocks(pvclock_best_msrs());
	read_clocks(&first_reading);
	on_cpus(adjust, &forth);
	migrate_quiet();
	check_from_first("TSC_ADJUST moved all TSCs forth before an action");
	on_cpus(adjust, &back);
	migrate_quiet();
	check_from_first("TSC_ADJUST moved all TSCs back before an action");
	stop_clocks();
}

struct leap {
	s64 ticks;
	u64 adjustment;
	u64 before, after; /* the clock, before and after the TSC is written */
	struct host_time from, to;
};

/* A write loses the time that it takes. Restoring TSC_ADJUST brings the TSC back exactly. */
static void write_tsc(void *data)
{
	struct leap *leap = data;

	leap->adjustment = rdmsr(MSR_IA32_TSC_ADJUST);
	host_time(&leap->from);
	leap->before = clock_now();
	wrmsr(MSR_IA32_TSC, rdtsc_ordered() + leap->ticks);
	leap->after = clock_now();
	host_time(&leap->to);
	wrmsr(MSR_IA32_TSC_ADJUST, leap->adjustment);
}

/*
 * The clock is wrong only until the TSC is brought back. Other tests, and the runner, must not meet
 * that, so this test compares the clock by itself.
 */
TEST(tsc_written, .on = EACH_CPU, .needs = SETS_TSC,
     .about = "kvmclock does not leap when the guest writes a CPU's IA32_TIME_STAMP_COUNTER")
{
	struct leap leap = { .ticks = MOVED_BY };
	s64 clock, host, tolerance;

	start_clocks(pvclock_best_msrs());
	write_tsc(&leap);
	clock = leap.after - leap.before;
	host = leap.to.monotonic - leap.from.monotonic;
	tolerance = host / PPM * MOST_SLEW_PPM + NS_PER_MS;
	report(clock >= 0 && clock <= host + tolerance,
	       "CPU %d: %ld ns passed on the clock while the guest set its TSC forth by %ld ticks, at most %ld ns on the host (tolerance %ld ns)",
	       smp_id(), clock, leap.ticks, host, tolerance);
	stop_clocks();
}
