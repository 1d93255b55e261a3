// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_stimer: timers and their registers survive a live migration, and every other action. A
 * part of the program hyperv_stimer: see hyperv_stimer.c.
 */
#include "console.h"
#include "processor.h"
#include "smp.h"
#include "x86/hyperv_stimer/hyperv_stimer.h"

/* How long the last action took by the reference counter. */
static u64 action_ticks;

static void migrate_timed(void)
{
	u64 begin = hv_ref_count();

	migrate_quiet();
	action_ticks = hv_ref_count() - begin;
}

/*
 * A broken hypervisor does not restore the timers, or not all of the state that makes them fire.
 * Then a timer never fires. Or it arms a timer that has already fired, so that it fires twice. Or
 * it counts the time for which the guest stood still as time that has passed, so that a timer fires
 * early.
 *
 * The first action shows how long an action takes. In the later ones timers expire before the
 * action ends, while the guest stands still, and after the action.
 */
TEST(oneshot_across_move, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "a one-shot Hyper-V timer that is armed before an action fires once and not early, whenever it is due")
{
	u32 before, during, sum_before = 0, sum_after = 0;

	begin();
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
			arm(i, HV_STIMER_SINT(SINT_OF(i)),
			    from_now(in_units(3) + action_ticks * (4 * round + i + 1) / 7));
		before = this_cpu(hv_synic).arrivals;
		migrate_timed();
		during = READ_ONCE(this_cpu(hv_synic).arrivals) - before;
		sum_before += during;
		for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
			wait_fired(i, 1);
		linger(3);
		for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
			check_once(i, "across an action");
			check_disabled_after(i);
		}
		sum_after += READ_ONCE(this_cpu(hv_synic).arrivals) - before - during;
	}
	mark("oneshot", "cpu=%d before_end_of_move=%u after=%u move_ticks=%lu", smp_id(),
	     sum_before, sum_after, action_ticks);
	end();
}

/* Adds up the time for which the CPU runs. A gap counts for a quarter of a period at most. */
static void beat(void)
{
	static PER_CPU(u64, last_beat);
	u64 now = hv_ref_count(), passed = now - this_cpu(last_beat);
	u64 flags = irq_save();

	this_cpu(last_beat) = now;
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		struct timer *timer = &this_cpu(timers[i]);

		timer->running += MIN(passed, timer->count / 4);
	}
	irq_restore(flags);
}

/* Migrates, and counts for how long the CPU runs meanwhile. */
static void migrate_and_beat(void)
{
	u64 begin = hv_ref_count();

	migrate_request();
	migrate_await(beat);
	action_ticks = hv_ref_count() - begin;
}

/*
 * While its CPU runs, a timer is silent for at most one period. If the phase begins again in an
 * action, the rest of one period and a whole one add up. The timer may also be late, as it may have
 * to wait for a CPU of the host that others use.
 */
#define MOST_SILENT_PERIODS 2
#define MOST_LATE_MS	    500

static u64 most_silence(u64 period)
{
	return MOST_SILENT_PERIODS * period + MOST_LATE_MS * HV_TICKS_PER_MS * timescale();
}

static void check_going_on(int index, u32 before, const char *what)
{
	const struct timer *timer = &this_cpu(timers[index]);
	char text[300];

	if (!report_if_failed(
		    fired(index) >= before + 3,
		    "%s: timer %d of CPU %d does not go on after the action: it fired %u times before, %u after; %s",
		    what, index, smp_id(), before, fired(index) - before,
		    state_of(index, text, sizeof(text))))
		return;
	check_timer(index, before + 3, AS_TIME_ALLOWS, true, what);
	report(timer->longest_silence <= most_silence(timer->count),
	       "%s: timer %d was silent for %lu ticks at most while its CPU ran; its period is %lu (allowed are %lu)",
	       what, index, timer->longest_silence, timer->count, most_silence(timer->count));
	/* In direct mode the phase cannot be seen. */
	if (timer->config & HV_STIMER_DIRECT_MODE)
		return;
	mark("phase", "cpu=%d timer=%d period=%lu kept=%d shift=%lu fired=%u", smp_id(), index,
	     timer->count, timer->may_come_of_an_action.kind != OFF_PHASE, timer->shift,
	     timer->fired);
}

static void periodic_across_move(u64 (*config)(int index), const char *what)
{
	u32 before[HV_SYNIC_STIMER_COUNT];

	begin();
	beat();
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		arm(i, config(i) | HV_STIMER_PERIODIC, in_units(10 + 3 * i));
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		wait_until((beat(), fired(i) >= 2), PATIENCE_MS);
		before[i] = fired(i);
	}
	migrate_and_beat();
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		before[i] = fired(i);
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		wait_until((beat(), fired(i) >= before[i] + 3), PATIENCE_MS);
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		check_going_on(i, before[i], what);
	end();
}

static u64 message_config(int index)
{
	return HV_STIMER_SINT(SINT_OF(index));
}

/*
 * A broken hypervisor stops the timer, fires early, or delivers all that was missed in one burst
 * with the same expiration. The phase may change: `mark name=phase` reports by how much.
 */
TEST(periodic_across_move, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "a periodic Hyper-V timer goes on after an action: no expiration comes twice, comes early, or is missing for long")
{
	periodic_across_move(message_config, "periodic across an action");
}

TEST(direct_periodic_across_move, .on = EACH_CPU, .needs = DIRECT_TIMERS,
     .about = "a periodic Hyper-V timer in direct mode goes on after an action, and is not early")
{
	periodic_across_move(hv_direct_config, "direct periodic across an action");
}

TEST(direct_oneshot_across_move, .on = EACH_CPU, .needs = DIRECT_TIMERS,
     .about =
	     "a one-shot Hyper-V timer in direct mode that is armed before an action fires once and not early")
{
	begin();
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		arm(i, hv_direct_config(i), from_now(in_units(3) + action_ticks * (i + 7) / 10));
	migrate_timed();
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		wait_fired(i, 1);
	linger(3);
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		check_once(i, "direct across an action");
		check_disabled_after(i);
	}
	report(!hv_messages_waiting(), "no messages of timers in direct mode");
	end();
}

/* A broken hypervisor restores the configuration as if the guest wrote it, and starts the timer. */
TEST(auto_enable_across_move, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "a Hyper-V timer with AutoEnable that has no count yet survives an action, and its count starts it")
{
	u64 oneshot = HV_STIMER_SINT(SINT_OF(0)) | HV_STIMER_AUTO_ENABLE;
	u64 periodic = HV_STIMER_SINT(SINT_OF(1)) | HV_STIMER_AUTO_ENABLE | HV_STIMER_PERIODIC;

	begin();
	hv_stimer_set_config(0, oneshot);
	hv_stimer_set_config(1, periodic);
	migrate_timed();
	linger(4);
	check_register(0, "CONFIG after the action", hv_stimer_config(0), oneshot);
	check_register(1, "CONFIG after the action", hv_stimer_config(1), periodic);
	check_never(0, "AutoEnable before the count is written");
	check_never(1, "AutoEnable before the count is written");
	note_arming(0, oneshot, from_now(in_units(4)));
	hv_stimer_set_count(0, this_cpu(timers[0]).count);
	note_arming(1, periodic, in_units(4));
	hv_stimer_set_count(1, this_cpu(timers[1]).count);
	wait_fired(0, 1);
	wait_fired(1, 3);
	check_once(0, "auto-enabled after the action");
	check_timer(1, 3, AS_TIME_ALLOWS, true, "auto-enabled after the action");
	end();
}

/*
 * AutoEnable acts when the guest writes a count, and at no other time (TLFS, "Synthetic Timer
 * Configuration Register"). A broken hypervisor lets a count that the host restores enable the
 * timer, and the guest gets an interrupt that it has not asked for. A count in the past, or a short
 * period, makes it come at once. The test sees the interrupt, and Enable in the configuration.
 */
TEST(auto_enable_disabled_across_move, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "a Hyper-V timer with AutoEnable and a count, which the guest has disabled, stays disabled after an action")
{
	u64 oneshot = HV_STIMER_SINT(SINT_OF(0)) | HV_STIMER_AUTO_ENABLE;
	u64 periodic = HV_STIMER_SINT(SINT_OF(1)) | HV_STIMER_AUTO_ENABLE | HV_STIMER_PERIODIC;
	u64 counts[2];

	begin();
	counts[0] = hv_ref_count();
	counts[1] = in_units(4);
	for (int i = 0; i < 2; i++) {
		hv_stimer_set_count(i, counts[i]);
		hv_stimer_set_config(i, i ? periodic : oneshot);
	}
	linger(6);
	check_never(0, "disabled by CONFIG");
	check_never(1, "disabled by CONFIG");
	migrate_timed();
	linger(12);
	for (int i = 0; i < 2; i++) {
		check_register(i, "CONFIG after the action", hv_stimer_config(i),
			       i ? periodic : oneshot);
		check_register(i, "COUNT after the action", hv_stimer_count(i), counts[i]);
		check_never(i, "disabled by CONFIG, after the action");
	}
	end();
}

/*
 * A timer that is stopped still has a count and a configuration. A broken hypervisor arms it by
 * them, and does not look at Enable.
 */
TEST(stopped_across_move, .on = EACH_CPU, .needs = TIMERS,
     .about = "a Hyper-V timer that was stopped, or has fired, stays silent after an action")
{
	u64 period = in_units(4);

	begin();
	/* This timer has fired. */
	arm(0, HV_STIMER_SINT(SINT_OF(0)), from_now(in_units(2)));
	wait_fired(0, 1);
	/* These would be due during the action or after it, but they are stopped. */
	arm(1, HV_STIMER_SINT(SINT_OF(1)), from_now(in_units(30) + action_ticks / 2));
	stop_by(1, BY_ENABLE);
	arm(2, HV_STIMER_SINT(SINT_OF(2)) | HV_STIMER_PERIODIC, in_units(30));
	stop_by(2, BY_ENABLE);
	arm(3, HV_STIMER_SINT(SINT_OF(3)) | HV_STIMER_PERIODIC, in_units(30));
	stop_by(3, BY_COUNT);
	if (fired(1) || fired(2) || fired(3))
		report_info("a timer was due before it could be stopped");
	for (int i = 1; i < HV_SYNIC_STIMER_COUNT; i++)
		this_cpu(timers[i]).fired = 0;
	migrate_timed();
	hv_wait_ref_count(this_cpu(timers[1]).count);
	linger(40);
	check_once(0, "fired before the action");
	check_disabled_after(0);
	for (int i = 1; i < HV_SYNIC_STIMER_COUNT; i++) {
		check_never(i, "stopped before the action");
		check_register(i, "CONFIG", hv_stimer_config(i), this_cpu(timers[i]).config);
	}
	/* A stopped timer still works. */
	arm(3, HV_STIMER_SINT(SINT_OF(3)), from_now(period));
	wait_fired(3, 1);
	check_once(3, "armed after the action");
	hv_synic_stop_all();
}

/* ---- registers ---- */

struct timer_registers {
	u64 config[HV_SYNIC_STIMER_COUNT], count[HV_SYNIC_STIMER_COUNT];
};

/* No two registers get the same value, and no timer is due for hours. */
static void make_registers(struct timer_registers *values, u64 base)
{
	static const u64 configs[HV_SYNIC_STIMER_COUNT] = {
		HV_STIMER_ENABLE,
		HV_STIMER_ENABLE | HV_STIMER_PERIODIC,
		HV_STIMER_AUTO_ENABLE | HV_STIMER_PERIODIC | HV_STIMER_LAZY,
		HV_STIMER_ENABLE | HV_STIMER_AUTO_ENABLE,
	};

	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		values->config[i] = configs[i] | HV_STIMER_SINT(1 + (4 * smp_id() + i) % LAST_SINT);
		values->count[i] = base + 3600 * HV_TICKS_PER_SECOND + 0x100 * smp_id() + i;
		if (configs[i] & HV_STIMER_PERIODIC)
			values->count[i] -= base;
	}
	if (HV_STIMER_DIRECT[0]->present())
		values->config[3] |= hv_direct_config(3);
}

static PER_CPU(struct timer_registers, written);

static void write_registers(void *unused)
{
	struct timer_registers *values = &this_cpu(written);

	make_registers(values, hv_ref_count());
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		/* In this order, so that AutoEnable does not enable what is to stay disabled. */
		hv_stimer_set_count(i, values->count[i]);
		hv_stimer_set_config(i, values->config[i]);
	}
}

static void check_registers(const char *when)
{
	const struct timer_registers *values = &this_cpu(written);
	int good = 0;

	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		good += check_register(i, "CONFIG", hv_stimer_config(i), values->config[i]);
		good += check_register(i, "COUNT", hv_stimer_count(i), values->count[i]);
	}
	report(good == 2 * HV_SYNIC_STIMER_COUNT,
	       "%s: %d of %d timer registers of CPU %d read back as written", when, good,
	       2 * HV_SYNIC_STIMER_COUNT, smp_id());
}

/*
 * A broken VMM does not carry a register, or carries it to another CPU. The registers of all
 * CPUs are set, each to a value of its own.
 */
TEST(registers_across_move, .on = EACH_CPU, .needs = TIMERS,
     .about = "every register of the Hyper-V timers survives an action")
{
	begin();
	on_cpus(write_registers, NULL);
	check_registers("before the action");
	migrate_timed();
	check_registers("after the action");
	end();
}
