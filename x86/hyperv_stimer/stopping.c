// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_stimer: timers that are stopped, or get another count or configuration (Hyper-V TLFS,
 * "Timers", "Synthetic Timer Configuration Register"). A part of the program hyperv_stimer: see
 * hyperv_stimer.c.
 */
#include "smp.h"
#include "x86/hyperv_stimer/hyperv_stimer.h"

static const char *const way_names[] = { "Enable cleared", "count 0 written", "CONFIG 0 written" };

void stop_by(int index, enum way_to_stop way)
{
	if (way == BY_ENABLE)
		hv_stimer_set_config(index, this_cpu(timers[index]).config);
	else if (way == BY_COUNT)
		hv_stimer_set_count(index, 0);
	else
		hv_stimer_set_config(index, 0);
}

#define MOST_ATTEMPTS 10

/* False if the host took so long that the timer may have fired before the stop. */
static bool stops(u64 config, enum way_to_stop way, const char *what)
{
	bool periodic = config & HV_STIMER_PERIODIC;
	u64 due, now;

	arm(0, config, periodic ? in_units(6) : from_now(in_units(6)));
	due = this_cpu(timers[0]).count + (periodic ? this_cpu(timers[0]).armed_before : 0);
	stop_by(0, way);
	now = hv_ref_count();
	if (now >= due) {
		hv_stimer_stop(0);
		return false;
	}
	if (way != BY_CONFIG)
		check_register(0, "CONFIG", hv_stimer_config(0), config);
	linger(14);
	report(!fired(0), "%s, %s %lu ticks before it was due: it fired %u times", what,
	       way_names[way], due - now, fired(0));
	hv_stimer_stop(0);
	return true;
}

static void check_stops(u64 config, const char *what)
{
	for (int way = BY_ENABLE; way <= BY_CONFIG; way++) {
		int attempt = 0;

		while (!stops(config, way, what))
			if (++attempt == MOST_ATTEMPTS) {
				report_skip("%s: too slow to stop a timer before it is due", what);
				return;
			}
	}
}

/*
 * A broken hypervisor does not cancel a pending expiration, or leaves Enable set when the count is
 * 0.
 */
TEST(stopped, .on = EACH_CPU, .needs = TIMERS,
     .about = "a Hyper-V timer that is disabled, or whose count becomes 0, does not fire any more")
{
	begin();
	check_stops(HV_STIMER_SINT(SINT_OF(0)), "one-shot");
	check_stops(HV_STIMER_SINT(SINT_OF(0)) | HV_STIMER_PERIODIC, "periodic");
	if (HV_STIMER_DIRECT[0]->present()) {
		check_stops(hv_direct_config(0), "direct one-shot");
		check_stops(hv_direct_config(0) | HV_STIMER_PERIODIC, "direct periodic");
	}
	end();
}

/*
 * A broken hypervisor goes on with the old count after a new one is written, or fires for both.
 * The TLFS leaves a change of the configuration of an enabled timer undefined, so it is disabled
 * first.
 */
TEST(rearmed, .on = EACH_CPU, .needs = TIMERS,
     .about = "a new count or configuration of a Hyper-V timer takes the place of the old one")
{
	u64 config = HV_STIMER_SINT(SINT_OF(0));
	u64 early, count;

	begin();
	arm(0, config, from_now(3600 * HV_TICKS_PER_SECOND));
	count = from_now(in_units(4));
	this_cpu(timers[0]).count = count;
	hv_stimer_set_count(0, count);
	wait_fired(0, 1);
	check_once(0, "an hour, then soon");

	for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
		early = from_now(in_units(8));
		arm(0, config, early);
		count = early + in_units(20);
		this_cpu(timers[0]).count = count;
		hv_stimer_set_count(0, count);
		if (hv_ref_count() < early)
			break;
		hv_stimer_stop(0);
	}
	wait_fired(0, 1);
	linger(2);
	check_once(0, "soon, then later");

	arm(1, HV_STIMER_SINT(SINT_OF(1)) | HV_STIMER_PERIODIC, 3600 * HV_TICKS_PER_SECOND);
	note_arming(1, this_cpu(timers[1]).config, in_units(4));
	hv_stimer_set_count(1, in_units(4));
	this_cpu(timers[1]).armed_after = hv_ref_count();
	if (wait_fired(1, PERIODS))
		stop_and_check(1, host_acted(), "a period of an hour, then a short one");
	else
		check_timer(1, PERIODS, AS_TIME_ALLOWS, true,
			    "a period of an hour, then a short one");

	arm(2, HV_STIMER_SINT(SINT_OF(2)), from_now(in_units(12)));
	hv_stimer_set_config(2, 0);
	this_cpu(timers[2]).config = HV_STIMER_SINT(SINT_OF(2) + 5);
	hv_stimer_set_config(2, this_cpu(timers[2]).config | HV_STIMER_ENABLE);
	wait_fired(2, 1);
	check_once(2, "another SINT");
	/* Now its count is in the past. */
	note_arming(2, this_cpu(timers[2]).config, this_cpu(timers[2]).count);
	hv_stimer_set_config(2, this_cpu(timers[2]).config | HV_STIMER_ENABLE);
	wait_fired(2, 1);
	check_once(2, "enabled again after it has fired");
	end();
}

/*
 * TLFS: "It is not permitted to set the SINTx field to zero for an enabled timer (that is not in
 * direct mode). If attempted, the timer will be marked disabled immediately." A broken
 * hypervisor leaves the timer enabled.
 */
TEST(sint0, .on = EACH_CPU, .needs = TIMERS,
     .about = "a Hyper-V timer with SINT 0 cannot be enabled without direct mode, and never fires")
{
	u64 soon;

	begin();
	hv_sint_unmask(0, HV_SINT_VECTOR(0), 0);
	arm(0, HV_STIMER_SINT(SINT_OF(0)), from_now(3600 * HV_TICKS_PER_SECOND));
	hv_stimer_set_config(0, HV_STIMER_ENABLE);
	report(!(hv_stimer_config(0) & HV_STIMER_ENABLE),
	       "SINT 0 for an enabled timer disables it: CONFIG 0x%lx", hv_stimer_config(0));
	hv_stimer_stop(0);

	soon = from_now(in_units(4));
	hv_stimer_set_count(0, soon);
	hv_stimer_set_config(0, HV_STIMER_ENABLE);
	hv_report_strict(!(hv_stimer_config(0) & HV_STIMER_ENABLE) && !fired(0),
			 "Enable with SINT 0 at once is not taken: CONFIG 0x%lx, fired %u times",
			 hv_stimer_config(0), fired(0));
	hv_stimer_stop(0);
	hv_stimer_set_config(0, HV_STIMER_AUTO_ENABLE);
	hv_stimer_set_count(0, from_now(3600 * HV_TICKS_PER_SECOND));
	hv_report_strict(!(hv_stimer_config(0) & HV_STIMER_ENABLE),
			 "AutoEnable with SINT 0 does not enable: CONFIG 0x%lx",
			 hv_stimer_config(0));
	hv_stimer_stop(0);
	hv_synic_stop_all();
}
