// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_clock: Hyper-V's reference clock. It counts ticks of 100 ns for the whole guest. The guest
 * reads it from an MSR, or computes it from the TSC by a line (a scale and an offset) that the
 * hypervisor keeps in the reference TSC page.
 *
 * Specification: Hyper-V TLFS, "Timers", sections "Reference Counter", "Partition Reference Counter
 * MSR" and "Partition Reference Time Enlightenment". While the host holds the guest, the clock may
 * stop or go on. Both are correct. While the sequence in the page is 0, the page is invalid and the
 * guest has to read the MSR.
 *
 * A broken hypervisor pauses or migrates the guest and sets the MSR's clock right, but leaves
 * the old line in the page. Then the page is wrong by the length of the pause, or by the
 * difference of two hosts' TSCs. Windows has hung for minutes after a resume because of such a
 * stale page.
 *
 * How the tests see it: they read both clocks again and again, the page between two reads of the
 * MSR and the MSR between two reads of the page, also while the guest is migrated. They also
 * compare the clock with the runner's CLOCK_MONOTONIC, which the guest asks for between two
 * reads (host_time()). So it does not matter how fast the guest runs.
 *
 * What the tests cannot tell: whether MSR and page are both wrong in the same way, by less than
 * the pause.
 *
 * The tests of the page are in page.c, and those of the time that passes in elapsed.c. This file
 * has what they share, and the tests of order.
 */
#include "alloc_page.h"
#include "clock-order.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"
#include "x86/hyperv_clock/hyperv_clock.h"

/* ---- reading ---- */

struct hv_reference_tsc_page *page;

void page_on(void)
{
	if (!page)
		page = alloc_page();
	memset(page, 0, PAGE_SIZE);
	wrmsr(HV_X64_MSR_REFERENCE_TSC, (u64)page | HV_REFERENCE_TSC_ENABLE);
}

void page_off(void)
{
	wrmsr(HV_X64_MSR_REFERENCE_TSC, 0);
}

u64 clock_now(void)
{
	u64 time;

	return hv_reference_time(page, &time) ? time : hv_ref_count();
}

bool page_is_valid(void)
{
	return READ_ONCE(page->tsc_sequence) != HV_REFERENCE_TSC_INVALID;
}

bool wait_valid(void)
{
	return wait_until(page_is_valid(), PATIENCE_MS / 10);
}

/* ---- the counter ---- */

/* A broken hypervisor lets a guest set the counter, or does not count. */
TEST(ref_count, .on = EACH_CPU, .needs = CLOCK,
     .about = "Hyper-V's reference counter can be read, cannot be written, and goes on")
{
	u64 first = hv_ref_count(), second;

	report(wrmsr_safe(HV_X64_MSR_TIME_REF_COUNT, 0) == GP_VECTOR, "writing it raises #GP");
	delay_us(2000);
	second = hv_ref_count();
	report(second > first, "it goes on: from %lu to %lu in 2 ms", first, second);
}

/* ---- order ---- */

/* Reads of one clock, or of two that should be the same. */
struct reads {
	clock_function clocks[2];
	s64 slack;
	struct clock_order order;
};

static void read_many(void *data)
{
	struct reads *reads = data;

	for (u64 n = scaled_count(READS, FEWEST_READS); n; n--) {
		u64 last = READ_ONCE(reads->order.last);

		clock_order_add(&reads->order, last, reads->clocks[n % 2](), reads->slack);
	}
}

static void check_order(const struct reads *reads, const char *what)
{
	const struct clock_order *order = &reads->order;

	report(!atomic64_read(&order->back),
	       "%s: time went back %ld times in %ld reads, at most by %ld ticks, on CPU %d (%ld are allowed)",
	       what, atomic64_read(&order->back), atomic64_read(&order->reads), order->worst,
	       order->worst_cpu, reads->slack);
}

/* Reads the two clocks in turn, on all CPUs at once or on this one alone. */
static void check_monotonic(clock_function one, clock_function other, bool all, const char *what)
{
	static struct reads reads;

	reads = (struct reads){ .clocks = { one, other },
				.slack = one == other ? 0 : AGREEMENT_TICKS };
	if (all)
		on_cpus(read_many, &reads);
	else
		read_many(&reads);
	check_order(&reads, what);
}

/*
 * TLFS: "Successive accesses to it return strictly monotonically increasing (time) values as
 * seen by any and all virtual processors." In a broken hypervisor CPUs' TSCs differ, or a new
 * line begins below the end of the old one. Two accesses within a tick look like one moment. So
 * the test checks only that no read gives less than an earlier one.
 */
TEST(monotonic_one_cpu, .on = EACH_CPU, .needs = CLOCK,
     .about =
	     "Hyper-V's reference counter never goes back on one CPU, whatever the host does to the guest")
{
	check_monotonic(hv_ref_count, hv_ref_count, false, "the counter on one CPU");
	migrate_quiet();
	check_monotonic(hv_ref_count, hv_ref_count, false, "the counter, after an action");
}

TEST(monotonic_all_cpus, .needs = CLOCK,
     .about = "Hyper-V's reference counter never goes back from one CPU to another")
{
	check_monotonic(hv_ref_count, hv_ref_count, true, "the counter on all CPUs");
}

TEST(monotonic_page_one_cpu, .on = EACH_CPU, .needs = TSC_PAGE,
     .about = "time by Hyper-V's TSC page never goes back on one CPU")
{
	page_on();
	wait_valid();
	check_monotonic(clock_now, clock_now, false, "the page on one CPU");
	page_off();
}

TEST(monotonic_page_all_cpus, .needs = TSC_PAGE,
     .about =
	     "time by Hyper-V's TSC page, alone or in turns with the counter, never goes back across all CPUs")
{
	page_on();
	wait_valid();
	check_monotonic(clock_now, clock_now, true, "the page on all CPUs");
	check_monotonic(clock_now, hv_ref_count, true, "page and counter on all CPUs");
	page_off();
}
