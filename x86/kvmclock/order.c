// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmclock: time never goes back. A part of the program kvmclock: see kvmclock.c. */
#include "clock-order.h"
#include "processor.h"
#include "smp.h"
#include "x86/kvmclock/kvmclock.h"

#define READS	     1000000
#define FEWEST_READS 1000

/* What all readers have seen together. */
struct order {
	struct clock_order clock;
	u8 flags; /* those that were set at every read */
};

static void order_begin(struct order *order)
{
	*order = (struct order){ .flags = 0xff };
}

/* Reads the time after it has read `last`: rdtsc_ordered() waits for earlier loads. */
static void read_in_order(void *data)
{
	struct order *order = data;
	u64 last = READ_ONCE(order->clock.last), time;
	u8 flags;

	time = pvclock_read_flags(this_cpu(this_clock).page, &flags);
	if (order->flags & ~flags)
		__atomic_and_fetch(&order->flags, flags, __ATOMIC_SEQ_CST);
	clock_order_add(&order->clock, last, time, 0);
}

static void check_order(const struct order *order, const char *who)
{
	const struct clock_order *clock = &order->clock;
	s64 slack = clock_slack(order->flags);

	report(clock->worst <= slack,
	       "%s: time went back %ld times in %ld reads, at most by %ld ns, on CPU %d (%s, so %ld ns are allowed)",
	       who, atomic64_read(&clock->back), atomic64_read(&clock->reads), clock->worst,
	       clock->worst_cpu, slack ? "not always stable" : "stable all the time", slack);
}

#define REPEAT_PROBES 32
#define REPEAT_NS     (300 * NS_PER_MS)

/*
 * How often to call once(DATA): MOST times if that takes REPEAT_NS or less, fewer times on a slower
 * host, but at least FEWEST times. Calls once() a few times to find out.
 */
static u64 repetitions(void (*once)(void *data), void *data, u64 most, u64 fewest)
{
	struct stopwatch watch;
	u64 count;

	stopwatch_start(&watch);
	for (int i = 0; i < REPEAT_PROBES; i++)
		once(data);
	count = REPEAT_PROBES * REPEAT_NS / MAX(stopwatch_ns(&watch), 1ul);
	return MIN(MAX(count, fewest), most);
}

static void read_many_in_order(void *order)
{
	for (u64 n = repetitions(read_in_order, order, READS, FEWEST_READS); n; n--)
		read_in_order(order);
}

/*
 * A broken KVM describes the line anew so that it begins below the end of the last one. A broken
 * action sets the TSC back. Without PVCLOCK_TSC_STABLE_BIT a small step back is allowed: Linux
 * keeps the last value then (__pvclock_clocksource_read()).
 */
TEST(monotonic_one_cpu, .on = EACH_CPU, .needs = KVMCLOCK,
     .about = "kvmclock never goes back on one CPU, whatever the host does to the guest")
{
	static struct order order;

	start_clocks(pvclock_best_msrs());
	order_begin(&order);
	read_many_in_order(&order);
	check_order(&order, "one CPU");
	stop_clocks();
}

/*
 * A broken KVM sets PVCLOCK_TSC_STABLE_BIT, though clock pages describe different lines or TSCs
 * differ. The test sees it when one CPU reads less than another CPU has read before. It cannot
 * tell a wrong page from a wrong TSC. stable_flag compares the pages alone.
 */
TEST(monotonic_all_cpus, .needs = ALL_OF(KVMCLOCK, SMP),
     .about = "kvmclock never goes back from one CPU to another without a lock, while it is stable")
{
	static struct order order;

	start_clocks(pvclock_best_msrs());
	order_begin(&order);
	on_cpus(read_many_in_order, &order);
	if (order.flags & PVCLOCK_TSC_STABLE_BIT)
		check_order(&order, "all CPUs");
	else
		report_skip("KVM did not set PVCLOCK_TSC_STABLE_BIT on all CPUs all the time");
	stop_clocks();
}

#define REGISTRATIONS	     100000
#define FEWEST_REGISTRATIONS 300

static void register_in_order(void *data)
{
	struct cpu_clock *clock = my_clock();

	read_in_order(data);
	clock_on(clock, clock->msrs, clock->page == clock->pages[0]);
	read_in_order(data);
}

static void check_no_step_back(const struct pvclock_msrs *msrs)
{
	struct order order;

	start_clocks(msrs);
	order_begin(&order);
	for (u64 n = repetitions(register_in_order, &order, REGISTRATIONS, FEWEST_REGISTRATIONS); n;
	     n--)
		register_in_order(&order);
	check_order(&order, "registering again and again");
	stop_clocks();
}

/*
 * Each registration makes KVM describe the line anew. A broken KVM does not take TSC and time at
 * one moment, or forgets an offset, so that the time steps. This test sees steps back only. Clock
 * marks and rate_against_host see steps ahead.
 */
TEST(reregister_monotonic_new, .on = EACH_CPU, .needs = KVMCLOCK_NEW_MSRS,
     .about = "kvmclock never goes back when a clock page is registered again (new MSR)")
{
	check_no_step_back(&pvclock_new_msrs);
}

TEST(reregister_monotonic_old, .on = EACH_CPU, .needs = KVMCLOCK_OLD_MSRS,
     .about = "kvmclock never goes back when a clock page is registered again (old MSR)")
{
	check_no_step_back(&pvclock_old_msrs);
}

static struct order order_of_all;
static bool work_is_over;

static void work_until_over(void *unused)
{
	struct deadline deadline;

	deadline_start(&deadline, ANSWER_DEADLINE_MS);
	while (!READ_ONCE(work_is_over) && !deadline_passed(&deadline))
		read_in_order(&order_of_all);
}

static void read_meanwhile(void)
{
	read_in_order(&order_of_all);
}

#define WORKING_ACTIONS 3

/*
 * The action hits the guest between any two instructions: when one CPU's clock page is rewritten
 * and another's is not, or between the read of the page and the read of the TSC. A broken KVM
 * lets a vCPU run before all of its clock is set. The test then sees a step back at that moment.
 */
TEST(moved_while_working, .needs = KVMCLOCK,
     .about = "kvmclock never goes back on CPUs that read it all through an action")
{
	int cpu;

	start_clocks(pvclock_best_msrs());
	order_begin(&order_of_all);
	WRITE_ONCE(work_is_over, false);
	for_each_cpu (cpu)
		if (cpu != smp_id())
			on_cpu_async(cpu, work_until_over, NULL);
	for (int i = 0; i < WORKING_ACTIONS; i++)
		migrate_quiet_while(read_meanwhile);
	read_many_in_order(&order_of_all);
	WRITE_ONCE(work_is_over, true);
	for_each_cpu (cpu)
		on_cpu_wait(cpu);
	check_order(&order_of_all, "working");
	stop_clocks();
}
