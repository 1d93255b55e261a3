// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Across a migration
 */
#include "atomic.h"
#include "console.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"
#include "x86/kvmclock/kvmclock.h"

static struct reading first_reading, last_reading;

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

static void check_move(const struct pvclock_msrs *msrs)
{
	start_clocks(msrs);
	take_reading(&first_reading);
	migrate();
	take_reading(&last_reading);
	check_elapsed(&first_reading, &last_reading,
		      was_moved(&first_reading, &last_reading) ? "moved" : "not moved");
	check_msrs("afterwards");
	stop_clocks();
}

/*
 * A VMM that saves the clock before the guest stops, or sets it after the guest runs; that
 * gives the destination a TSC and a clock of different moments; a KVM that keeps the old
 * host's TSC in a clock page. Forward by up to as long as the host held the guest is
 * right, and so is standing still meanwhile.
 */
TEST(moved_new, .needs = KVMCLOCK_NEW_MSRS,
     .about = "across a move no clock goes back, or further than the host's; MSRs stay")
{
	check_move(&pvclock_new_msrs);
}

/* The same with MSRs that a VMM may forget to carry, and with the clock not stable. */
TEST(moved_old, .needs = KVMCLOCK_OLD_MSRS,
     .about = "the same with clocks that the old MSRs enabled")
{
	check_move(&pvclock_old_msrs);
}

#define MANY_MOVES 20

/*
 * An error too small to be seen in one move adds up: the bounds for all moves together
 * have the same constant as those for one. What stays within what the host held the guest
 * for cannot be seen, as standing still is allowed.
 */
TEST(moved_twenty_times, .needs = KVMCLOCK, .about = "after 20 moves the errors have not added up")
{
	start_clocks(pvclock_best_msrs());
	take_reading(&first_reading);
	for (int i = 0; i < MANY_MOVES; i++)
		migrate_quiet();
	take_reading(&last_reading);
	check_elapsed(&first_reading, &last_reading, "20 requests to be moved");
	check_msrs("afterwards");
	if (last_reading.answered)
		mark("drift", "moves=%lu host=%lu clock=%lu held_at_most=%lu",
		     last_reading.host.moves - first_reading.host.moves,
		     last_reading.host.monotonic - first_reading.host.monotonic,
		     last_reading.after[0] - first_reading.after[0],
		     last_reading.host.pause_max - first_reading.host.pause_max);
	stop_clocks();
}

struct page_before {
	struct pvclock_vcpu_time_info info;
	u64 tsc;
};

static struct page_before pages_before[MAX_CPUS];

/*
 * Where it is safe, what the page says is spoilt, too: a VMM may read the boot CPU's
 * clock page for the time (QEMU where KVM_GET_CLOCK is not reliable), and would be right
 * to trust it. The version is KVM's to go on from.
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
	       "CPU %d: the clock page was written after the guest had left: version %u, before "
	       "%u; "
	       "tsc_timestamp %lu, the TSC before was %lu, now is %lu",
	       smp_id(), info.version, before->info.version, info.tsc_timestamp, before->tsc,
	       rdtsc_ordered());
	report(info.tsc_to_system_mul != DECOY_VERSION && info.system_time != PATTERN_WORD,
	       "CPU %d: what the guest had scribbled into its clock page is gone (mul %u, "
	       "system_time "
	       "%lu)",
	       smp_id(), info.tsc_to_system_mul, info.system_time);
	report_untouched(page, sizeof(*page), "moved");
}

/* Returns whether the host has done anything to the guest. */
static bool leave_and_migrate(void)
{
	struct host_time begin, end;

	ask_host_time(&begin);
	on_cpus(leave_page, NULL);
	migrate_quiet();
	ask_host_time(&end);
	return end.moves != begin.moves;
}

/*
 * A destination that only copies the clock page leaves the guest with a line drawn for
 * the other host's TSC. It goes unnoticed while both hosts have the same TSC and the clock
 * stands still with it, as in a test on one machine: so this looks at the page itself. The
 * source has no reason to rewrite it, as this waits until it has; one that did so as its
 * last act would pass.
 */
TEST(moved_page_rewritten, .needs = ALL_OF(KVMCLOCK, HOST_ANSWERS),
     .about = "the destination writes every clock page anew, and repairs a spoilt one")
{
	int cpu;

	start_clocks(pvclock_best_msrs());
	delay_us(UPDATE_DELAY_US);
	take_reading(&first_reading);
	if (leave_and_migrate()) {
		for_each_cpu (cpu)
			on_cpu(cpu, check_rewritten, NULL);
	} else {
		report_info("the host did not move the guest");
		on_cpus(register_again_here, NULL);
	}
	take_reading(&last_reading);
	check_elapsed(&first_reading, &last_reading, "with clock pages that were left spoilt");
	stop_clocks();
}

/* ======== clocks that are not there during the move ======== */

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
	report_untouched(clock->pages[0], 0, "disabled before the move");
	report_untouched(clock->pages[1], 0, "disabled before the move");
}

/*
 * A VMM that restores an address that the guest has taken back has KVM write to memory
 * that is something else by now. Where nothing moves the guest this repeats disable_*.
 */
TEST(disabled_stays_disabled, .needs = KVMCLOCK,
     .about = "a clock that was disabled before a move stays so, its page untouched")
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
 * A VMM that sets the clock only if a vCPU uses it at the time of the move; a KVM that
 * starts another line for a late one. All clocks are disabled while the guest is moved, and
 * enabled again on other pages.
 */
TEST(enabled_after_move, .needs = KVMCLOCK,
     .about = "clocks that are off during a move go on from where they would be")
{
	start_clocks(pvclock_best_msrs());
	take_reading(&first_reading);
	stop_clocks();
	migrate_quiet();
	start_clocks(pvclock_best_msrs());
	take_reading(&last_reading);
	check_elapsed(&first_reading, &last_reading, "off during the move");
	stop_clocks();
}

static void start_late(void *unused)
{
	start_here((void *)pvclock_best_msrs());
	note_time(NULL);
}

static bool is_stable(int cpu)
{
	return cpu_ptr(this_clock, cpu)->page->flags & PVCLOCK_TSC_STABLE_BIT;
}

/*
 * The same for CPUs whose clocks were never on, beside the boot CPU's that always was: they
 * must come in on its line.
 */
TEST(late_cpu_same_line, .needs = ALL_OF(KVMCLOCK, SMP),
     .about = "a CPU that enables its clock only after a move has the boot CPU's time")
{
	struct cpu_clock *clock = my_clock();
	u64 before, after;
	s64 slack;
	int cpu;

	start_here((void *)pvclock_best_msrs());
	before = clock_now();
	migrate_quiet();
	after = clock_now();
	report(after >= before, "CPU 0: time went on: %lu ns, later %lu ns", before, after);
	for_each_cpu (cpu) {
		if (!cpu)
			continue;
		before = clock_now();
		on_cpu(cpu, start_late, NULL);
		after = clock_now();
		slack = is_stable(0) && is_stable(cpu) ? 0 : UNSTABLE_SLACK_NS;
		report((s64)(times[cpu] - before) >= -slack && (s64)(after - times[cpu]) >= -slack,
		       "CPU %d: late, its time is %lu ns, CPU 0's %lu ns before and %lu ns after "
		       "(%ld ns allowed)",
		       cpu, times[cpu], before, after, slack);
	}
	clock_off(clock);
	stop_clocks();
}
