// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_stimer: timers that fire as they are told, one-shot and periodic, by messages and in
 * direct mode (Hyper-V TLFS, "Timers"). A part of the program hyperv_stimer: see
 * hyperv_stimer.c.
 */
#include "smp.h"
#include "x86/hyperv_stimer/hyperv_stimer.h"

/* ---- one-shot ---- */

/*
 * A broken hypervisor takes the count for a length and not for a moment. Or it delivers before
 * that moment, or more than once, or with another timer's index, or to another CPU, or leaves
 * the timer enabled. Timers 0 to 3 are armed in one order and expire in the reverse order, so
 * that none can pass for another.
 */
TEST(oneshot, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "each one-shot Hyper-V timer fires once, not before its count, with the right message")
{
	u64 now;

	begin();
	now = hv_ref_count();
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		arm(i, HV_STIMER_SINT(SINT_OF(i)), now + in_units(12 - 2 * i));
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		wait_fired(i, 1);
	linger(4);
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		check_once(i, "one-shot");
		check_disabled_after(i);
	}
	end();
}

/* A broken hypervisor mixes up SINTs, or has too few message slots. */
TEST(oneshot_every_sint, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "a Hyper-V timer's message comes to the slot of the SINT in its configuration, for SINTs 1 to 15")
{
	int good = 0;

	begin();
	for (int sint = 1; sint <= LAST_SINT; sint++) {
		int index = sint % HV_SYNIC_STIMER_COUNT;

		arm(index, HV_STIMER_SINT(sint), from_now(in_units(2)));
		wait_fired(index, 1);
		if (this_cpu(timers[index]).fired == 1 && !this_cpu(timers[index]).fault.kind)
			good++;
		else
			check_once(index, "every SINT");
	}
	report(good == LAST_SINT, "messages to %d of %d SINTs", good, LAST_SINT);
	end();
}

/*
 * TLFS: "If a one-shot is enabled and the specified count is in the past, it will expire
 * immediately". A broken hypervisor waits for the counter to wrap. Then a guest that was a
 * little late to arm its timer waits for ever.
 */
TEST(oneshot_in_the_past, .on = EACH_CPU, .needs = TIMERS,
     .about = "a one-shot Hyper-V timer whose count has passed fires at once, with that count")
{
	begin();
	arm(0, HV_STIMER_SINT(SINT_OF(0)), hv_ref_count() - 1);
	arm(1, HV_STIMER_SINT(SINT_OF(1)), 1);
	arm(2, HV_STIMER_SINT(SINT_OF(2)) | HV_STIMER_LAZY, hv_ref_count());
	for (int i = 0; i < 3; i++)
		wait_fired(i, 1);
	linger(2);
	for (int i = 0; i < 3; i++) {
		check_once(i, "count in the past");
		check_disabled_after(i);
	}
	end();
}

/* ---- periodic ---- */

static void check_periodic(u64 flags, const char *what)
{
	begin();
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		arm(i, HV_STIMER_SINT(SINT_OF(i)) | HV_STIMER_PERIODIC | flags, in_units(4 + i));
		check_register(i, "CONFIG", hv_stimer_config(i),
			       this_cpu(timers[i]).config | HV_STIMER_ENABLE);
		if (wait_fired(i, PERIODS))
			stop_and_check(i, host_acted(), what);
		else
			check_timer(i, PERIODS, AS_TIME_ALLOWS, host_acted(), what);
		hv_stimer_stop(i);
	}
	end();
}

/*
 * A broken hypervisor counts the next period from the moment at which it delivered the last
 * message, so that the timer drifts by its delay. Then an expiration_time is not a whole number of
 * periods after the last one. The number must be 1 if the last message was taken out of its slot
 * before the next one was due. In direct mode there are no messages, so the test cannot tell a
 * drift from lateness.
 */
TEST(periodic, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "a periodic Hyper-V timer's expirations are whole periods apart, and the first comes one period after enabling")
{
	check_periodic(0, "periodic");
}

/*
 * A lazy timer may leave out an expiration that is late. No expiration is late in this test, so
 * none may be left out.
 */
TEST(periodic_lazy, .on = EACH_CPU, .needs = TIMERS,
     .about = "a lazy periodic Hyper-V timer's expirations are whole periods apart if none is late")
{
	check_periodic(HV_STIMER_LAZY, "lazy");
}

/* ---- auto-enable ---- */

/*
 * A broken hypervisor ignores AutoEnable. Windows arms its timers by the count alone, and would
 * have no timer that works. Or the hypervisor starts the timer when the configuration is
 * written, so that it fires for no reason.
 */
TEST(auto_enable, .on = EACH_CPU, .needs = TIMERS,
     .about = "with AutoEnable, writing a count starts a Hyper-V timer, and nothing else does")
{
	u64 oneshot = HV_STIMER_SINT(SINT_OF(0)) | HV_STIMER_AUTO_ENABLE;
	u64 periodic = HV_STIMER_SINT(SINT_OF(1)) | HV_STIMER_AUTO_ENABLE | HV_STIMER_PERIODIC;
	u64 far;

	begin();
	hv_stimer_set_config(0, oneshot);
	hv_stimer_set_config(1, periodic);
	linger(4);
	check_register(0, "CONFIG before the count is written", hv_stimer_config(0), oneshot);
	check_register(1, "CONFIG before the count is written", hv_stimer_config(1), periodic);
	check_never(0, "AutoEnable before the count is written");
	check_never(1, "AutoEnable before the count is written");

	far = from_now(3600 * HV_TICKS_PER_SECOND);
	hv_stimer_set_count(0, far);
	report(hv_stimer_config(0) == (oneshot | HV_STIMER_ENABLE),
	       "writing a count enables: CONFIG 0x%lx", hv_stimer_config(0));
	hv_stimer_set_count(0, 0);
	report(hv_stimer_config(0) == oneshot, "writing 0 disables: CONFIG 0x%lx",
	       hv_stimer_config(0));

	note_arming(0, oneshot, from_now(in_units(4)));
	hv_stimer_set_count(0, this_cpu(timers[0]).count);
	note_arming(1, periodic, in_units(4));
	hv_stimer_set_count(1, this_cpu(timers[1]).count);
	this_cpu(timers[1]).armed_after = hv_ref_count();
	wait_fired(0, 1);
	wait_fired(1, PERIODS);
	linger(2);
	check_once(0, "auto-enabled one-shot");
	check_disabled_after(0);
	stop_and_check(1, host_acted(), "auto-enabled periodic");

	/* The count alone starts the timer again. */
	note_arming(0, oneshot, from_now(in_units(4)));
	hv_stimer_set_count(0, this_cpu(timers[0]).count);
	wait_fired(0, 1);
	check_once(0, "auto-enabled again");
	end();
}

/* ---- direct mode ---- */

/*
 * A broken hypervisor sends a message as well, or instead of the interrupt. Or it disables a
 * direct timer because its configuration has SINT 0, or uses another vector. The local APIC
 * keeps only one interrupt of a vector, so some of a periodic timer's may be merged.
 */
TEST(direct, .on = EACH_CPU, .needs = DIRECT_TIMERS,
     .about =
	     "a Hyper-V timer in direct mode raises its vector, neither early nor too often, and sends no message")
{
	begin();
	for (int i = 0; i < 2; i++) {
		arm(i, hv_direct_config(i), from_now(in_units(6 - 2 * i)));
		report(hv_stimer_config(i) == (hv_direct_config(i) | HV_STIMER_ENABLE) || fired(i),
		       "direct one-shot is enabled: CONFIG 0x%lx", hv_stimer_config(i));
	}
	for (int i = 2; i < HV_SYNIC_STIMER_COUNT; i++)
		arm(i, hv_direct_config(i) | HV_STIMER_PERIODIC, in_units(2 + i));
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		wait_fired(i, i < 2 ? 1 : PERIODS);
	linger(2);
	for (int i = 0; i < 2; i++) {
		check_once(i, "direct one-shot");
		check_disabled_after(i);
	}
	for (int i = 2; i < HV_SYNIC_STIMER_COUNT; i++) {
		if (fired(i) >= PERIODS)
			stop_and_check(i, host_acted(), "direct periodic");
		else
			check_timer(i, PERIODS, AS_TIME_ALLOWS, true, "direct periodic");
		hv_stimer_stop(i);
	}
	report(!hv_messages_waiting(), "no messages of timers in direct mode");
	end();
}

/* ---- many timers ---- */

static void arm_all(void *unused)
{
	for (int i = 0; i < 3; i++)
		arm(i, HV_STIMER_SINT(SINT_OF(i)) | HV_STIMER_PERIODIC, in_units(8 + 3 * i));
	arm(3, HV_STIMER_SINT(SINT_OF(3)), from_now(in_units(20)));
}

/*
 * In a broken hypervisor timers share what they should not: a message buffer, or a pending bit.
 * The other CPUs' timers run, too. Their counts differ, so a message that goes to the wrong CPU
 * is seen to be wrong.
 */
TEST(all_at_once, .on = EACH_CPU, .needs = TIMERS,
     .about = "all four Hyper-V timers on all CPUs work at once, each as if it were alone")
{
	begin();
	on_cpus(arm_all, NULL);
	for (int i = 0; i < 3; i++)
		wait_fired(i, PERIODS);
	wait_fired(3, 1);
	for (int i = 0; i < 3; i++) {
		if (fired(i) >= PERIODS)
			stop_and_check(i, host_acted(), "all at once");
		else
			check_timer(i, PERIODS, AS_TIME_ALLOWS, host_acted(), "all at once");
	}
	check_once(3, "all at once");
	end_with(true);
}

/*
 * Four messages go to one slot at one moment. The first one goes in. The others wait for the
 * EOMs that the handler sends, because MessagePending tells it to. A broken hypervisor does not
 * set MessagePending, or forgets a message that found the slot busy, or delivers only one of
 * several. Then a timer never fires.
 */
TEST(four_on_one_sint, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "four Hyper-V timers that expire at once on one SINT send four messages, one for each")
{
	u64 when;

	begin();
	for (int round = 0; round < 4; round++) {
		when = from_now(in_units(4));
		for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
			arm(i, HV_STIMER_SINT(5), when);
		for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
			wait_fired(i, 1);
		linger(2);
		for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
			if (fired(i) != 1 || this_cpu(timers[i]).fault.kind || round == 3)
				check_once(i, "one SINT");
	}
	end();
}
