// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_clock: a guest that moves its TSCs (Hyper-V TLFS, "Partition Reference Time
 * Enlightenment"; Intel SDM volume 3, "Time-Stamp Counter Adjustment"). A part of the program
 * hyperv_clock: see hyperv_clock.c.
 *
 * The page tells the time by the TSC of any CPU. A broken hypervisor moves the TSCs and leaves the
 * page as it is, and valid: the guest's time leaps. If it computes the counter from the page, too,
 * both agree, and are wrong. So the tests compare each with the host's clock. All CPUs move alike,
 * since one page cannot hold for TSCs that differ.
 */
#include "clock-rate.h"
#include "processor.h"
#include "smp.h"
#include "tsc.h"
#include "x86/hyperv_clock/hyperv_clock.h"

/* One to four seconds of any TSC. */
#define MOVED_BY (1l << 32)

struct leap {
	u64 before, after; /* in ticks, before and after the TSCs are moved */
	struct host_time from, to;
};

static void move(struct leap *leap, u64 (*clock)(void), s64 ticks)
{
	host_time(&leap->from);
	leap->before = clock();
	tsc_advance_all(ticks);
	leap->after = clock();
	host_time(&leap->to);
}

static void check_leap(const struct leap *leap, const char *what)
{
	s64 clock = (leap->after - leap->before) * HV_NS_PER_TICK;
	s64 host = leap->to.monotonic - leap->from.monotonic;
	s64 tolerance = host / PPM * MOST_SLEW_PPM + HV_NS_PER_TICK * HV_TICKS_PER_MS;

	report(clock >= 0 && clock <= host + tolerance,
	       "%s: %ld ns passed on the clock, at most %ld ns on the host (tolerance %ld ns)",
	       what, clock, host, tolerance);
}

/*
 * The clock is wrong only until the TSCs are brought back. So the tests do not use elapsed.h, whose
 * marks would tell the runner of that time.
 */
static void check_moves(u64 (*clock)(void))
{
	struct leap forth, back;

	page_on();
	wait_valid();
	move(&forth, clock, MOVED_BY);
	move(&back, clock, -MOVED_BY);
	page_off();
	check_leap(&forth, "all TSCs moved forth");
	check_leap(&back, "all TSCs moved back");
}

TEST(counter_beside_tsc, .needs = ALL_OF(HV_TIME_REF_COUNT, HOST_ANSWERS, TSC_IS_AHEAD),
     .about =
	     "Hyper-V's reference counter does not leap when the guest moves all TSCs by IA32_TSC_ADJUST")
{
	check_moves(hv_ref_count);
}

TEST(page_beside_tsc,
     .needs = ALL_OF(HV_TIME_REF_COUNT, HV_REFERENCE_TSC, HOST_ANSWERS, TSC_IS_AHEAD),
     .about =
	     "time by Hyper-V's TSC page does not leap when the guest moves all TSCs by IA32_TSC_ADJUST")
{
	check_moves(clock_now);
}
