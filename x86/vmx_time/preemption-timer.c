// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VMX-preemption timer across a migration (Intel SDM volume 3, 26.5.1 "VMX-Preemption Timer",
 * 28.3.4 for its saved value).
 *
 * A broken hypervisor begins the timer anew after a migration, or forgets it. The timer counts by
 * the TSC, so L1's TSC tells whether it was early, and how far it must have counted.
 */
#include "libcflat.h"
#include "clock-rate.h"
#include "muldiv.h"
#include "processor.h"
#include "x86/vmx_time/vmx_time.h"

#define MOST_TIMER 0xfffffffful

/* The timer of one L2. It counts down by 1 whenever bit RATE of the TSC changes (26.5.1). */
struct alarm {
	struct l2 *l2;
	unsigned rate;
	u64 value;
	volatile u32 fired;
	u32 early;
	u64 before, after, first_early;
	/* For L2's code. */
	u32 wanted;
	u64 patience_ms;
	bool in_time;
	u64 l2_before, l2_after;
};

static void begin_alarm(struct alarm *alarm, void (*code)(void *data), u64 ns)
{
	*alarm = (struct alarm){ .l2 = l2_new(code, alarm) };
	alarm->rate = VMX_MISC_PREEMPTION_TIMER_RATE(rdmsr(MSR_IA32_VMX_MISC));
	alarm->value = MIN(mul_div(tsc_hz(), ns, NS_PER_SECOND) >> alarm->rate, MOST_TIMER);
	alarm->patience_ms = PATIENCE_MS + ns / NS_PER_MS;
	if (!broken("lost"))
		vmx_set_controls(alarm->l2, PIN_BASED_VM_EXEC_CONTROL,
				 PIN_BASED_VMX_PREEMPTION_TIMER);
}

/* The least number of TSC cycles in which the timer counts down by COUNTS. */
static u64 least_cycles(const struct alarm *alarm, u64 counts)
{
	u64 cycles = counts ? (counts - 1) << alarm->rate : 0;

	return less_timer_slew(cycles);
}

/* Enters L2 once, with the timer set to its value. */
static u64 enter_with_alarm(struct alarm *alarm)
{
	u64 reason;

	vmx_set(alarm->l2, VMX_PREEMPTION_TIMER_VALUE, alarm->value / (broken("early") ? 2 : 1));
	alarm->before = rdtsc_ordered();
	reason = l2_enter(alarm->l2);
	alarm->after = rdtsc_ordered();
	if (reason != EXIT_REASON_PREEMPTION_TIMER)
		return reason;
	alarm->fired++;
	if (alarm->after - alarm->before < least_cycles(alarm, alarm->value) && !alarm->early++)
		alarm->first_early = alarm->after - alarm->before;
	return reason;
}

static void await_alarms(void *data)
{
	struct alarm *alarm = data;

	be_migrated();
	alarm->wanted += alarm->fired;
	alarm->in_time = wait_until(alarm->fired >= alarm->wanted, alarm->patience_ms);
}

/* Enters L2 until it returns. */
static void run_with_alarms(struct alarm *alarm)
{
	while (enter_with_alarm(alarm) == EXIT_REASON_PREEMPTION_TIMER)
		;
	report(l2_is_call(alarm->l2, L2_RETURNED), "L2 should return: exit %s",
	       l2_exit_text(alarm->l2));
	report(!alarm->early,
	       "the preemption timer, %lu counts of %lu cycles, expired %u times, %u times early (the first after %lu cycles)",
	       alarm->value, 1ul << alarm->rate, alarm->fired, alarm->early, alarm->first_early);
	report(alarm->in_time,
	       "%lu ms (times timescale) after the last migration it should have expired %u times",
	       alarm->patience_ms, alarm->wanted);
	l2_free(alarm->l2);
}

TEST(preemption_timer, .on = EACH_CPU, .needs = VMX_PREEMPTION_TIMER,
     .about =
	     "a preemption timer that is set at each entry goes on after a migration in L2, and is never early")
{
	struct alarm alarm;

	begin_alarm(&alarm, await_alarms, 5 * NS_PER_MS);
	alarm.wanted = 3;
	run_with_alarms(&alarm);
}

static void await_one_alarm(void *data)
{
	struct alarm *alarm = data;

	be_migrated();
	alarm->in_time = wait_until(alarm->fired, alarm->patience_ms);
}

/* Enters L2 until the timer expires. Then L2 goes on without it. */
static void run_one_alarm(struct alarm *alarm)
{
	alarm->wanted = 1;
	if (enter_with_alarm(alarm) == EXIT_REASON_PREEMPTION_TIMER)
		vmx_clear_controls(alarm->l2, PIN_BASED_VM_EXEC_CONTROL,
				   PIN_BASED_VMX_PREEMPTION_TIMER);
	else
		report_fail("the exit of the preemption timer: exit %s", l2_exit_text(alarm->l2));
	run_with_alarms(alarm);
}

/*
 * The timer is set for twice the time of a first migration, so that it runs during the next one and
 * expires after it.
 */
TEST(preemption_timer_across, .on = EACH_CPU, .needs = VMX_PREEMPTION_TIMER,
     .about = "a preemption timer that runs during a migration in L2 expires once, and not early")
{
	struct alarm alarm;

	be_migrated();
	begin_alarm(&alarm, await_one_alarm, 2 * last_migration_ns() + 20 * NS_PER_MS);
	run_one_alarm(&alarm);
}

/*
 * L2's code: asks for migrations until the timer expires, or has been due for two more migrations
 * and for PATIENCE_MS.
 */
static void be_moved_until_alarm(void *data)
{
	struct alarm *alarm = data;
	u64 start = rdtsc_ordered(), late_moves = 0;
	struct stopwatch late;

	while (!alarm->fired &&
	       (late_moves < 3 || stopwatch_ns(&late) / NS_PER_MS < PATIENCE_MS * timescale())) {
		be_migrated();
		if (!late_moves)
			stopwatch_start(&late);
		if ((rdtsc_ordered() - start) >> alarm->rate >= alarm->value)
			late_moves++;
	}
	alarm->in_time = alarm->fired;
}

/*
 * A broken hypervisor begins the timer anew after each migration. Then it never expires as long as
 * migrations take less than its time, which is one and a half times that of a first migration.
 */
TEST(preemption_timer_across_moves, .on = EACH_CPU, .needs = VMX_PREEMPTION_TIMER,
     .about =
	     "a preemption timer that is longer than a migration expires during repeated migrations in L2")
{
	u64 start = rdtsc_ordered(), end, cycles;
	struct alarm alarm;

	be_migrated();
	end = rdtsc_ordered();
	if (end < start) {
		report_fail("L1's TSC stepped back in a migration, from 0x%lx to 0x%lx", start,
			    end);
		return;
	}
	cycles = end - start;
	begin_alarm(&alarm, be_moved_until_alarm,
		    mul_div(cycles + cycles / 2, NS_PER_SECOND, tsc_hz()) + 20 * NS_PER_MS);
	run_one_alarm(&alarm);
}

static void note_running(void *data)
{
	struct alarm *alarm = data;

	alarm->in_time = true;
	l2_call(HERE);
}

TEST(preemption_timer_zero, .on = EACH_CPU, .needs = VMX_PREEMPTION_TIMER,
     .about =
	     "a preemption timer of 0 exits before L2's first instruction, before and after a migration")
{
	struct alarm alarm;

	begin_alarm(&alarm, note_running, 0);
	for (int moved = 0; moved < 2; moved++) {
		u64 rip = vmx_get(alarm.l2, GUEST_RIP);

		if (moved)
			migrate_quiet();
		enter_with_alarm(&alarm);
		report(alarm.l2->exit_reason == EXIT_REASON_PREEMPTION_TIMER && !alarm.in_time &&
			       vmx_get(alarm.l2, GUEST_RIP) == rip,
		       "%s: with the timer at 0: exit %s, expected PREEMPTION_TIMER at 0x%lx",
		       moved ? "after the migration" : "before the migration",
		       l2_exit_text(alarm.l2), rip);
	}
	l2_free(alarm.l2);
}

static void be_moved_and_call(void *data)
{
	struct alarm *alarm = data;

	alarm->l2_before = rdtsc_ordered();
	be_migrated();
	alarm->l2_after = rdtsc_ordered();
	l2_call(HERE);
}

static void call_at_once(void *data)
{
	l2_call(HERE);
}

/* The most TSC cycles for which the host may have stopped this machine since BEFORE. */
static u64 longest_pause(const struct host_time *before)
{
	struct host_time now;

	if (!host_time(&now))
		return mul_div(last_migration_ns(), tsc_hz(), NS_PER_SECOND);
	return mul_div(now.pause_max - before->pause_max, tsc_hz(), NS_PER_SECOND);
}

TEST(preemption_timer_saved, .on = EACH_CPU, .needs = VMX_SAVE_PREEMPTION_TIMER,
     .about =
	     "an exit saves what is left of the preemption timer if L1 asks for it, and the time of a migration in L2 counts")
{
	struct alarm alarm;
	struct host_time host_before;
	u64 saved, most, least, unsaved;

	host_time(&host_before);
	begin_alarm(&alarm, be_moved_and_call, 0);
	alarm.value = MOST_TIMER;
	/* At the first entry the control that saves the value is off. */
	l2_start(alarm.l2, call_at_once, NULL);
	enter_with_alarm(&alarm);
	unsaved = vmx_get(alarm.l2, VMX_PREEMPTION_TIMER_VALUE);
	report(l2_is_call(alarm.l2, HERE), "L2 should make its call: exit %s",
	       l2_exit_text(alarm.l2));
	report(unsaved == alarm.value,
	       "without the control the exit should leave the value alone: 0x%lx", unsaved);
	l2_start(alarm.l2, be_moved_and_call, &alarm);
	vmx_set_controls(alarm.l2, VM_EXIT_CONTROLS, VM_EXIT_SAVE_VMX_PREEMPTION_TIMER);
	enter_with_alarm(&alarm);
	saved = vmx_get(alarm.l2, VMX_PREEMPTION_TIMER_VALUE);
	if (alarm.fired && !alarm.early) {
		report_skip("the migration has taken longer than the timer can be set for");
		l2_free(alarm.l2);
		return;
	}
	if (broken("saved"))
		saved = alarm.value;
	/*
	 * The VMM saves the TSC and the VMCS one after the other. In between, one may go on alone
	 * for as long as the pause takes.
	 */
	most = alarm.after - alarm.before + longest_pause(&host_before);
	most = ((most + most / PPM * TIMER_SLEW_PPM) >> alarm.rate) + 1;
	least = least_cycles(&alarm, (alarm.l2_after - alarm.l2_before) >> alarm.rate) >>
		alarm.rate;
	report(l2_is_call(alarm.l2, HERE), "L2 should make its call: exit %s",
	       l2_exit_text(alarm.l2));
	report(alarm.value - saved <= most && alarm.value - saved >= least,
	       "0x%lx was saved, 0x%lx counts of 0x%lx are gone; by the TSC 0x%lx to 0x%lx should be",
	       saved, alarm.value - saved, alarm.value, least, most);
	l2_free(alarm.l2);
}

static void spin(void *data)
{
	for (;;)
		pause();
}

TEST(preemption_timer_expired, .on = EACH_CPU, .needs = VMX_SAVE_PREEMPTION_TIMER,
     .about = "a preemption timer that has expired is saved as 0, which survives a migration in L1")
{
	struct alarm alarm;

	begin_alarm(&alarm, broken("lost") ? note_running : spin, NS_PER_MS);
	vmx_set_controls(alarm.l2, VM_EXIT_CONTROLS, VM_EXIT_SAVE_VMX_PREEMPTION_TIMER);
	enter_with_alarm(&alarm);
	report(alarm.l2->exit_reason == EXIT_REASON_PREEMPTION_TIMER && !alarm.early,
	       "the timer's exit: exit %s, after %lu cycles", l2_exit_text(alarm.l2),
	       alarm.after - alarm.before);
	migrate_quiet();
	report(vmx_get(alarm.l2, VMX_PREEMPTION_TIMER_VALUE) == 0,
	       "the value is 0x%lx after the migration, expected 0",
	       vmx_get(alarm.l2, VMX_PREEMPTION_TIMER_VALUE));
	l2_free(alarm.l2);
}
