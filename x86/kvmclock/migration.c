// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmclock: what must be true after a live migration, and after every other action. A part of
 * the program kvmclock: see kvmclock.c.
 */
#include "atomic.h"
#include "console.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"
#include "x86/kvmclock/kvmclock.h"

static struct clock_reading first_reading, last_reading;

static void check_msr_here(void *bad)
{
	struct cpu_clock *clock = my_clock();
	u64 wrote = (u64)clock->page | KVM_MSR_ENABLED;
	u64 value = rdmsr(clock->msrs->system_time);

	if (!report_if_failed(value == wrote, "CPU %d: MSR 0x%x reads 0x%lx, wrote 0x%lx", smp_id(),
			      clock->msrs->system_time, value, wrote))
		atomic_inc(bad);
}

static void check_msrs(const char *when)
{
	atomic_t bad = ATOMIC_INIT(0);

	on_cpus(check_msr_here, &bad);
	report(!atomic_read(&bad), "%s: the MSRs hold what each of %d CPUs wrote", when,
	       cpu_count());
}

static void check_action(const struct pvclock_msrs *msrs)
{
	start_clocks(msrs);
	read_clocks(&first_reading);
	migrate();
	read_clocks(&last_reading);
	check_clock_elapsed(&first_reading, &last_reading,
			    host_acted_between(&first_reading, &last_reading) ? "in an action"
									      : "left alone");
	check_msrs("afterwards");
	stop_clocks();
}

/*
 * A broken VMM saves the clock before the guest stops, or sets it after the guest runs again, or
 * gives the destination a TSC and a clock of different moments. A broken KVM keeps the source's
 * TSC in a clock page. The test compares the time that passes on each clock with the host's. A
 * clock may go ahead by as long as the host held the guest, or may stand still meanwhile.
 */
TEST(moved_new, .needs = KVMCLOCK_NEW_MSRS,
     .about =
	     "kvmclock neither goes back nor ahead of the host's clock in an action; its new MSRs stay unchanged")
{
	check_action(&pvclock_new_msrs);
}

/* A VMM may forget to carry the old MSRs. With them KVM does not call its clock stable. */
TEST(moved_old, .needs = KVMCLOCK_OLD_MSRS,
     .about =
	     "kvmclock neither goes back nor ahead of the host's clock in an action; its old MSRs stay unchanged")
{
	check_action(&pvclock_old_msrs);
}

#define MANY_ACTIONS 20

/*
 * Errors that are too small to be seen after one action add up. The tolerance after all actions
 * is the same as after one. An error below the time for which the host held the guest cannot be
 * seen, since a clock may stand still meanwhile.
 */
TEST(moved_twenty_times, .needs = KVMCLOCK,
     .about = "the errors of kvmclock do not add up over 20 actions")
{
	start_clocks(pvclock_best_msrs());
	read_clocks(&first_reading);
	for (int i = 0; i < MANY_ACTIONS; i++)
		migrate_quiet();
	read_clocks(&last_reading);
	check_clock_elapsed(&first_reading, &last_reading, "20 actions");
	check_msrs("afterwards");
	if (last_reading.answered)
		mark("drift", "moves=%lu host=%lu clock=%lu held_at_most=%lu",
		     last_reading.host.moves - first_reading.host.moves,
		     last_reading.host.monotonic - first_reading.host.monotonic,
		     last_reading.on[0].after - first_reading.on[0].after,
		     last_reading.host.pause_max - first_reading.host.pause_max);
	stop_clocks();
}

struct page_before {
	struct pvclock_vcpu_time_info info;
	u64 tsc;
};

static struct page_before pages_before[MAX_CPUS];

/*
 * Fills the rest of the clock page, after the structure. On CPUs other than the boot CPU it also
 * spoils the structure. On the boot CPU that would not be safe: a VMM may read the time from its
 * clock page, as QEMU does where KVM_GET_CLOCK is not reliable. The version stays, as KVM counts on
 * from it.
 */
static void leave_page(void *unused)
{
	struct pvclock_vcpu_time_info *page = this_cpu(this_clock).page;
	struct page_before *before = &pages_before[smp_id()];

	before->info = pvclock_snapshot(page);
	memset((u8 *)page + sizeof(*page), PATTERN, PAGE_SIZE - sizeof(*page));
	before->tsc = rdtsc_ordered();
	if (smp_id()) {
		page->system_time = PATTERN_WORD;
		page->tsc_timestamp = PATTERN_WORD;
		page->tsc_to_system_mul = DECOY_VERSION;
	}
}

static void check_rewritten(void *unused)
{
	struct pvclock_vcpu_time_info *page = this_cpu(this_clock).page;
	struct page_before *before = &pages_before[smp_id()];
	struct pvclock_vcpu_time_info info = pvclock_snapshot(page);

	report(info.version != before->info.version && info.tsc_timestamp > before->tsc &&
		       info.tsc_timestamp <= rdtsc_ordered(),
	       "CPU %d: KVM wrote the clock page after the guest had left it: version %u, before %u; tsc_timestamp %lu, the TSC before was %lu, now is %lu",
	       smp_id(), info.version, before->info.version, info.tsc_timestamp, before->tsc,
	       rdtsc_ordered());
	report(info.tsc_to_system_mul != DECOY_VERSION && info.system_time != PATTERN_WORD,
	       "CPU %d: the clock page is no longer as the guest has spoilt it (mul %u, system_time %lu)",
	       smp_id(), info.tsc_to_system_mul, info.system_time);
	report_untouched(page, sizeof(*page), "after the action");
}

/* Returns whether the host has acted on the guest. */
static bool leave_and_migrate(void)
{
	struct host_time begin, end;

	host_time(&begin);
	on_cpus(leave_page, NULL);
	migrate_quiet();
	host_time(&end);
	return end.moves != begin.moves;
}

/*
 * A broken destination copies the clock page as memory and does not write it, so that the guest
 * reads a line that was drawn for the source's TSC. If both ends run on one machine, their TSCs
 * are the same, and the guest's time looks right. So this test looks at the page itself.
 *
 * The test waits until the source has no more reason to write the page. A source that writes it
 * as its last act passes.
 */
TEST(moved_page_rewritten, .needs = ALL_OF(KVMCLOCK, HOST_ANSWERS),
     .about =
	     "the destination writes every kvmclock page anew, even one that the guest has overwritten")
{
	int cpu;

	start_clocks(pvclock_best_msrs());
	delay_us(UPDATE_DELAY_US);
	read_clocks(&first_reading);
	if (leave_and_migrate()) {
		for_each_cpu (cpu)
			on_cpu(cpu, check_rewritten, NULL);
	} else {
		report_info("the host left the guest alone");
		on_cpus(register_again_here, NULL);
	}
	read_clocks(&last_reading);
	check_clock_elapsed(&first_reading, &last_reading,
			    "with clock pages that were left spoilt");
	stop_clocks();
}

/* ---- clocks that are off during an action ---- */

static u64 times[MAX_CPUS];

static void note_time(void *unused)
{
	times[smp_id()] = clock_now();
}

static void stop_and_fill(void *unused)
{
	struct cpu_clock *clock = my_clock();

	clock_off(clock);
	fill(clock->pages[0]);
	fill(clock->pages[1]);
}

static void check_still_off(void *unused)
{
	struct cpu_clock *clock = my_clock();
	u64 value = rdmsr(clock->msrs->system_time);

	report(!(value & KVM_MSR_ENABLED), "CPU %d: MSR 0x%x is still disabled (reads 0x%lx)",
	       smp_id(), clock->msrs->system_time, value);
	report_untouched(clock->pages[0], 0, "disabled before the action");
	report_untouched(clock->pages[1], 0, "disabled before the action");
}

/*
 * A broken VMM restores an address that the guest has taken back. KVM then writes to memory that
 * the guest uses for other things. If the host leaves the guest alone, this test repeats
 * disable_new.
 */
TEST(disabled_stays_disabled, .needs = KVMCLOCK,
     .about =
	     "a kvmclock that is disabled stays disabled in an action, and nobody writes to its page")
{
	int cpu;

	start_clocks(pvclock_best_msrs());
	on_cpus(stop_and_fill, NULL);
	migrate_quiet();
	delay_us(UPDATE_DELAY_US);
	for_each_cpu (cpu)
		on_cpu(cpu, check_still_off, NULL);
}

/*
 * A broken VMM sets the clock only if a vCPU uses it at the time of the migration. A broken KVM
 * starts another line for a clock that is enabled later. The test disables all clocks before the
 * action, and enables them afterwards on other pages.
 */
TEST(enabled_after_move, .needs = KVMCLOCK,
     .about = "a kvmclock that is off during an action goes on afterwards as if it had been on")
{
	start_clocks(pvclock_best_msrs());
	read_clocks(&first_reading);
	stop_clocks();
	migrate_quiet();
	start_clocks(pvclock_best_msrs());
	read_clocks(&last_reading);
	check_clock_elapsed(&first_reading, &last_reading, "off during the action");
	stop_clocks();
}

static void start_late(void *unused)
{
	start_here((void *)pvclock_best_msrs());
	note_time(NULL);
}

static u8 flags_of(int cpu)
{
	return cpu_ptr(this_clock, cpu)->page->flags;
}

/*
 * A broken KVM starts another line for a CPU whose clock was never on. Here the boot CPU's clock
 * is on all the time, and the others' clocks must agree with it when they are enabled.
 */
TEST(late_cpu_same_line, .needs = ALL_OF(KVMCLOCK, SMP),
     .about =
	     "a CPU that enables its kvmclock only after an action has the same time as the boot CPU")
{
	struct cpu_clock *clock = my_clock();
	u64 before, after;
	s64 slack;
	int cpu;

	start_here((void *)pvclock_best_msrs());
	before = clock_now();
	migrate_quiet();
	after = clock_now();
	report((s64)(after - before) >= -clock_slack(flags_of(0)),
	       "CPU 0: time went on: %lu ns, later %lu ns", before, after);
	for_each_cpu (cpu) {
		if (!cpu)
			continue;
		before = clock_now();
		on_cpu(cpu, start_late, NULL);
		after = clock_now();
		slack = clock_slack(flags_of(0) & flags_of(cpu));
		report((s64)(times[cpu] - before) >= -slack && (s64)(after - times[cpu]) >= -slack,
		       "CPU %d: enabled late, its time is %lu ns, CPU 0's %lu ns before and %lu ns after (%ld ns allowed)",
		       cpu, times[cpu], before, after, slack);
	}
	clock_off(clock);
	stop_clocks();
}
