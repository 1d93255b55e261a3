// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_stimer: timers that are due while the host holds the guest fire promptly after it (Hyper-V
 * TLFS, "Timers": a one-shot whose count has passed "will expire immediately"). A part of the
 * program hyperv_stimer; x86/timers/timers.c says how lateness is measured.
 *
 * A broken hypervisor takes the count of a one-shot timer that it restores for a length. Or it arms
 * the timer for the time that was left at the source, where the clock was another. Or a periodic
 * timer is silent for more than a period. The other tests of this program wait for an interrupt
 * much longer than that.
 */
#include "processor.h"
#include "x86/hyperv_stimer/hyperv_stimer.h"
#include "x86/timers/timers.h"

#define INDEX 0

static void ring(const struct hv_arrival *arrival)
{
	timer_rang();
}

static void install(void)
{
	int sint = SINT_OF(INDEX);

	hv_synic_start_all();
	this_cpu(hv_synic).on_arrival = ring;
	hv_sint_unmask(sint, HV_SINT_VECTOR(sint), 0);
}

static void start(u64 config, u64 ns, bool periodic)
{
	u64 ticks = ns / HV_NS_PER_TICK;

	hv_stimer_set_count(INDEX, periodic ? ticks : hv_ref_count() + ticks);
	hv_stimer_set_config(INDEX,
			     config | HV_STIMER_ENABLE | (periodic ? HV_STIMER_PERIODIC : 0));
}

static void start_message(u64 ns, bool periodic)
{
	start(HV_STIMER_SINT(SINT_OF(INDEX)), ns, periodic);
}

static void start_direct(u64 ns, bool periodic)
{
	start(hv_direct_config(INDEX), ns, periodic);
}

static void stop(void)
{
	hv_stimer_stop(INDEX);
}

static const struct timer_kind by_message = {
	.name = "a timer that sends messages",
	.start = start_message,
	.stop = stop,
	.install = install,
	.remove = hv_synic_stop_all,
};

static const struct timer_kind direct = {
	.name = "a timer in direct mode",
	.start = start_direct,
	.stop = stop,
	.install = install,
	.remove = hv_synic_stop_all,
};

TEST(oneshot_due_in_downtime, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "a one-shot Hyper-V timer whose count passes during an action fires promptly after it")
{
	check_due_in_downtime(&by_message, false, false);
}

TEST(direct_oneshot_due_in_downtime, .on = EACH_CPU, .needs = DIRECT_TIMERS,
     .about =
	     "a one-shot Hyper-V timer in direct mode whose count passes during an action fires promptly after it")
{
	check_due_in_downtime(&direct, false, false);
}

/* No register holds when a periodic timer is due, so its period may begin anew. */
TEST(periodic_goes_on_in_time, .on = EACH_CPU, .needs = TIMERS,
     .about = "a periodic Hyper-V timer fires within one period after an action")
{
	check_due_in_downtime(&by_message, true, true);
}
