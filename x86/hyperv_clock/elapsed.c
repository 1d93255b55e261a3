// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_clock: as much time passes as on the host, and a CPU's run time does not go back
 * (Hyper-V TLFS, "Timers" and "Virtual Processor Run Time Register"). A part of the program
 * hyperv_clock: see hyperv_clock.c.
 */
#include "elapsed.h"
#include "processor.h"
#include "smp.h"
#include "x86/hyperv_clock/hyperv_clock.h"

static u64 counter_ns(void)
{
	return hv_ref_count() * HV_NS_PER_TICK;
}

static u64 page_ns(void)
{
	return clock_now() * HV_NS_PER_TICK;
}

/*
 * A broken hypervisor loses the clock's reading in an action, adds a pause twice, or starts
 * again from 0.
 */
static void check_across_actions(u64 (*clock)(void), const char *name)
{
	static struct clock_reading from, to;

	take_clock_reading(&from, clock, name, 0);
	for (int action = 0; action < ACTIONS; action++) {
		migrate_quiet();
		take_clock_reading(&to, clock, name, 0);
		check_clock_elapsed(&from, &to, name);
		from = to;
	}
}

/*
 * As much time has to pass in the guest as on the host. Only the time for which the guest stood
 * still may be missing. From the marks, the runner checks the same over all rounds.
 */
TEST(counter_across_move, .on = EACH_CPU, .needs = CLOCK,
     .about =
	     "Hyper-V's reference counter never steps back in an action, and advances as far as the host's clock")
{
	check_across_actions(counter_ns, "hv_ref");
}

TEST(page_across_move, .on = EACH_CPU, .needs = TSC_PAGE,
     .about =
	     "time by Hyper-V's TSC page never steps back in an action, and advances as far as the host's clock")
{
	page_on();
	wait_valid();
	check_across_actions(page_ns, "hv_tsc_page");
	page_off();
}

/*
 * A broken VMM does not carry the run time, or a broken hypervisor counts it from 0 again after an
 * action.
 */
TEST(runtime, .on = EACH_CPU, .needs = HV_VP_RUNTIME,
     .about =
	     "Hyper-V's run time of a CPU cannot be written, and never goes back, not even in an action")
{
	u64 last = rdmsr(HV_X64_MSR_VP_RUNTIME), first = last, now;
	int back = 0;

	report(wrmsr_safe(HV_X64_MSR_VP_RUNTIME, 0) == GP_VECTOR, "writing it raises #GP");
	for (int action = 0; action < 2; action++) {
		for (int i = 0; i < 100; i++) {
			now = rdmsr(HV_X64_MSR_VP_RUNTIME);
			back += now < last;
			last = now;
		}
		if (!action)
			migrate_quiet();
	}
	report(!back, "it went back %d times, from %lu to %lu ticks", back, first, last);
}
