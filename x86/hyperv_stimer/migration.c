// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * migration
 */
#include "console.h"
#include "processor.h"
#include "smp.h"
#include "x86/hyperv_stimer/hyperv_stimer.h"

/* What the last move took by the reference counter. */
static u64 last_move;

static void migrate_timed(void)
{
	u64 begin = hv_ref_count();

	migrate_quiet();
	last_move = hv_ref_count() - begin;
}

/*
 * A hypervisor whose timers are not restored, or not with all that makes them fire at
 * their time: then one never comes. One that arms again what has fired: then it comes
 * twice. One that takes the time for which the guest stood still for time that has passed:
 * early. The first move tells how long a move takes, the others have the timers expire all
 * along it: before, during the pause, and after.
 */
TEST(oneshot_across_move, .on = EACH_CPU, .needs = TIMERS,
     .about = "a one-shot armed before a move fires once, not before its time, wherever that "
	      "falls")
{
	u32 before, during, sum_before = 0, sum_after = 0;

	begin();
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
			arm(i, HV_STIMER_SINT(SINT_OF(i)),
			    from_now(in_units(3) + last_move * (4 * round + i + 1) / 7));
		before = this_cpu(hv_synic).arrivals;
		migrate_timed();
		during = READ_ONCE(this_cpu(hv_synic).arrivals) - before;
		sum_before += during;
		for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
			wait_fired(i, 1);
		linger(3);
		for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
			check_once(i, "across a move");
			check_disabled_after(i);
		}
		sum_after += READ_ONCE(this_cpu(hv_synic).arrivals) - before - during;
	}
	mark("oneshot", "cpu=%d before_end_of_move=%u after=%u move_ticks=%lu", smp_id(),
	     sum_before, sum_after, last_move);
	end();
}

/* How long the CPU ran, without the times at which it did not get to run. */
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

/* Is moved, and counts how long it ran meanwhile. */
static void migrate_and_beat(void)
{
	u64 begin = hv_ref_count();

	migrate_request();
	migrate_await(beat);
	last_move = hv_ref_count() - begin;
}

/*
 * While the CPU runs, a timer is silent for a period at most; around a move, for what was
 * left of the period before and a whole one after, if the phase begins anew. The rest is for
 * a host that is late: the timer may wait for a host's CPU that others use.
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

	if (!report_if_failed(fired(index) >= before + 3,
			      "%s: timer %d of CPU %d does not go on after the move: it fired %u "
			      "times before, %u after; %s",
			      what, index, smp_id(), before, fired(index) - before,
			      state_of(index, text, sizeof(text))))
		return;
	check_timer(index, before + 3, AS_TIME_ALLOWS, true, what);
	report(timer->longest_silence <= most_silence(timer->count),
	       "%s: timer %d was silent for %lu ticks at most while its CPU ran; its period is %lu "
	       "(allowed are %lu)",
	       what, index, timer->longest_silence, timer->count, most_silence(timer->count));
	/* In direct mode nothing tells the phase. */
	if (timer->config & HV_STIMER_DIRECT_MODE)
		return;
	mark("phase", "cpu=%d timer=%d period=%lu kept=%d shift=%lu fired=%u", smp_id(), index,
	     timer->count, timer->may_come_of_a_move.kind != OFF_PHASE, timer->shift, timer->fired);
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
 * As above; and a hypervisor that delivers what was missed in one burst with the same
 * expiration. The phase may change: how much is told in `mark name=phase`.
 */
TEST(periodic_across_move, .on = EACH_CPU, .needs = TIMERS,
     .about = "periodic timers go on after a move: no expiration twice, none early, none left "
	      "out for long")
{
	periodic_across_move(message_config, "periodic across a move");
}

TEST(direct_periodic_across_move, .on = EACH_CPU, .needs = DIRECT_TIMERS,
     .about = "the same in direct mode, by what can be seen without messages")
{
	periodic_across_move(direct_config, "direct periodic across a move");
}

TEST(direct_oneshot_across_move, .on = EACH_CPU, .needs = DIRECT_TIMERS,
     .about = "one-shot timers in direct mode fire once, not early, across a move")
{
	begin();
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		arm(i, direct_config(i), from_now(in_units(3) + last_move * (i + 7) / 10));
	migrate_timed();
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		wait_fired(i, 1);
	linger(3);
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		check_once(i, "direct across a move");
		check_disabled_after(i);
	}
	report(all_slots_empty(), "no messages of timers in direct mode");
	end();
}

/* A hypervisor that restores a configuration as if the guest had written it might start. */
TEST(auto_enable_across_move, .on = EACH_CPU, .needs = TIMERS,
     .about = "a timer that waits for its count to be enabled is started by it after a move")
{
	u64 oneshot = HV_STIMER_SINT(SINT_OF(0)) | HV_STIMER_AUTO_ENABLE;
	u64 periodic = HV_STIMER_SINT(SINT_OF(1)) | HV_STIMER_AUTO_ENABLE | HV_STIMER_PERIODIC;

	begin();
	hv_stimer_set_config(0, oneshot);
	hv_stimer_set_config(1, periodic);
	migrate_timed();
	linger(4);
	check_register(0, "CONFIG after the move", hv_stimer_config(0), oneshot);
	check_register(1, "CONFIG after the move", hv_stimer_config(1), periodic);
	check_never(0, "AutoEnable before the count is written");
	check_never(1, "AutoEnable before the count is written");
	note_arming(0, oneshot, from_now(in_units(4)));
	hv_stimer_set_count(0, this_cpu(timers[0]).count);
	note_arming(1, periodic, in_units(4));
	hv_stimer_set_count(1, this_cpu(timers[1]).count);
	wait_fired(0, 1);
	wait_fired(1, 3);
	check_once(0, "auto-enabled after the move");
	check_timer(1, 3, AS_TIME_ALLOWS, true, "auto-enabled after the move");
	end();
}

/*
 * What is stopped has a count and a configuration all the same: a hypervisor that arms
 * by them and does not look at Enable makes it fire.
 */
TEST(stopped_across_move, .on = EACH_CPU, .needs = TIMERS,
     .about = "timers that were stopped, or have fired, stay silent after a move")
{
	u64 period = in_units(4);

	begin();
	/* Has fired. */
	arm(0, HV_STIMER_SINT(SINT_OF(0)), from_now(in_units(2)));
	wait_fired(0, 1);
	/* Is to fire during the move or after it, and will not. */
	arm(1, HV_STIMER_SINT(SINT_OF(1)), from_now(in_units(30) + last_move / 2));
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
	check_once(0, "fired before the move");
	check_disabled_after(0);
	for (int i = 1; i < HV_SYNIC_STIMER_COUNT; i++) {
		check_never(i, "stopped before the move");
		check_register(i, "CONFIG", hv_stimer_config(i), this_cpu(timers[i]).config);
	}
	/* It still works. */
	arm(3, HV_STIMER_SINT(SINT_OF(3)), from_now(period));
	wait_fired(3, 1);
	check_once(3, "armed after the move");
	hv_synic_stop_all();
}

/* ---- registers ---- */

struct timer_registers {
	u64 config[HV_SYNIC_STIMER_COUNT], count[HV_SYNIC_STIMER_COUNT];
};

/* Values that no two registers have in common, of timers that are not due for hours. */
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
	/* AutoEnable without Enable stays so only with a count of 0. */
	values->count[2] = 0;
	if (HV_STIMER_DIRECT[0]->present())
		values->config[3] |= direct_config(3);
}

static PER_CPU(struct timer_registers, written);

static void write_registers(void *unused)
{
	struct timer_registers *values = &this_cpu(written);

	make_registers(values, hv_ref_count());
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		if (values->count[i])
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
	       "%s: %d of %d timer registers of CPU %d read back "
	       "as written",
	       when, good, 2 * HV_SYNIC_STIMER_COUNT, smp_id());
}

/*
 * A VMM that does not carry a register, or carries it to another CPU. The registers of
 * all CPUs are set, each to values of its own.
 */
TEST(registers_across_move, .on = EACH_CPU, .needs = TIMERS,
     .about = "every timer register holds after a move what was written before it")
{
	begin();
	on_cpus(write_registers, NULL);
	check_registers("before the move");
	migrate_timed();
	check_registers("after the move");
	end();
}
