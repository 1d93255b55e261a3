// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_stimer: arming timers, waiting for them, and checking what they did. A part of the
 * program hyperv_stimer: see hyperv_stimer.c.
 */
#include "processor.h"
#include "smp.h"
#include "x86/hyperv_stimer/hyperv_stimer.h"

/* ---- arranging ---- */

/* How many actions the host had done at begin(), or 0 if the host does not answer. */
static u64 actions_at_begin;

static u64 count_actions(void)
{
	struct host_time time = { 0 };

	host_time(&time);
	return time.moves;
}

bool host_acted(void)
{
	struct host_time time = { 0 };

	host_time(&time);
	return time.cycles || time.moves != actions_at_begin;
}

static void prepare_here(void *unused)
{
	memset(&this_cpu(timers), 0, sizeof(timers));
	this_cpu(strays) = 0;
	this_cpu(hv_synic).on_arrival = note_firing;
	for (int sint = 1; sint <= LAST_SINT; sint++)
		hv_sint_unmask(sint, HV_SINT_VECTOR(sint), 0);
}

void begin(void)
{
	hv_synic_start_all();
	on_cpus(prepare_here, NULL);
	actions_at_begin = count_actions();
}

void end_with(bool elsewhere_too)
{
	const struct hv_synic *synic = &this_cpu(hv_synic);
	u32 elsewhere = elsewhere_too ? 0 : hv_synic_elsewhere();

	report(!this_cpu(strays) && synic->interrupts == synic->arrivals && !elsewhere,
	       "nothing else came: %u interrupts for %u firings, %u of no timer; other CPUs got %u",
	       synic->interrupts, synic->arrivals, this_cpu(strays), elsewhere);
	hv_synic_stop_all();
}

void end(void)
{
	end_with(false);
}

void note_arming(int index, u64 config, u64 count)
{
	u64 now = hv_ref_count();

	this_cpu(timers[index]) =
		(struct timer){ .config = config, .count = count, .armed_before = now };
}

/* The TLFS asks for the count first, and then for Enable. */
void arm(int index, u64 config, u64 count)
{
	note_arming(index, config, count);
	hv_stimer_set_count(index, count);
	hv_stimer_set_config(index, config | HV_STIMER_ENABLE);
	this_cpu(timers[index]).armed_after = hv_ref_count();
}

u64 in_units(u64 n)
{
	return n * hv_unit();
}

u64 from_now(u64 ticks)
{
	return hv_ref_count() + ticks;
}

u32 fired(int index)
{
	return READ_ONCE(this_cpu(timers[index]).fired);
}

bool wait_fired(int index, u32 times)
{
	const struct timer *timer = &this_cpu(timers[index]);
	u64 now = hv_ref_count(), ticks;

	if (timer->config & HV_STIMER_PERIODIC)
		ticks = times * timer->count;
	else
		ticks = timer->count > now ? timer->count - now : 0;
	return wait_until(fired(index) >= times, ticks / HV_TICKS_PER_MS + PATIENCE_MS);
}

void linger(u64 units)
{
	if (!hv_wait_ref_count(from_now(in_units(units))))
		report_fail("the reference counter does not go on: %lu", hv_ref_count());
}

/* ---- checking ---- */

/* How often a periodic timer can have fired since it was armed. */
static u32 most_periods(int index)
{
	const struct timer *timer = &this_cpu(timers[index]);

	return (hv_ref_count() - timer->armed_before) / timer->count;
}

/* The timer may be running. So this first reads how often it has fired, and then the time. */
bool check_timer(int index, u32 least, u32 most, bool acted, const char *what)
{
	const struct timer *timer = &this_cpu(timers[index]);
	u32 times = fired(index);
	bool periodic = timer->config & HV_STIMER_PERIODIC;
	bool direct = timer->config & HV_STIMER_DIRECT_MODE;
	const struct fault *fault = &timer->fault;
	char text[300];

	if (most == AS_TIME_ALLOWS)
		most = most_periods(index);
	if (!fault->kind && !acted)
		fault = &timer->may_come_of_an_action;
	if (times < least)
		report_fail("%s: timer %d of CPU %d fired %u times instead of %u%s: %s", what,
			    index, smp_id(), times, least, most > least ? " or more" : "",
			    state_of(index, text, sizeof(text)));
	else if (times > most)
		report_fail("%s: timer %d of CPU %d fired %u times, more than %u: %s", what, index,
			    smp_id(), times, most, state_of(index, text, sizeof(text)));
	else if (fault->kind)
		report_fail("%s: timer %d of CPU %d: %s; armed at %lu with CONFIG 0x%lx COUNT %lu",
			    what, index, smp_id(), fault_text(timer, fault, text, sizeof(text)),
			    timer->armed_before, timer->config, timer->count);
	else if (periodic && !direct && !acted && times &&
		 timer->first.expiration > timer->armed_after + timer->count)
		report_fail(
			"%s: timer %d of CPU %d: its first expiration_time, %lu, is more than a period, %lu, after it was enabled between %lu and %lu",
			what, index, smp_id(), timer->first.expiration, timer->count,
			timer->armed_before, timer->armed_after);
	else if (!least && !most)
		report_pass("%s: timer %d did not fire", what, index);
	else
		report_pass("%s: timer %d%s fired %u times, at most %lu ticks late%s", what, index,
			    direct ? ", direct," : "", times, direct ? 0 : timer->latest,
			    acted ? " (the host acted on the guest meanwhile)" : "");
	return times >= least && times <= most && !fault->kind;
}

bool check_once(int index, const char *what)
{
	return check_timer(index, 1, 1, false, what);
}

bool check_never(int index, const char *what)
{
	return check_timer(index, 0, 0, false, what);
}

bool check_register(int index, const char *what, u64 is, u64 should)
{
	return report_if_failed(is == should, "timer %d of CPU %d: %s reads 0x%lx instead of 0x%lx",
				index, smp_id(), what, is, should);
}

void check_disabled_after(int index)
{
	const struct timer *timer = &this_cpu(timers[index]);

	check_register(index, "CONFIG", hv_stimer_config(index), timer->config);
	check_register(index, "COUNT", hv_stimer_count(index), timer->count);
}

void stop_and_check(int index, bool acted, const char *what)
{
	u32 before, most;

	hv_stimer_stop(index);
	most = most_periods(index);
	before = fired(index);
	linger(10);
	report_if_failed(fired(index) == before,
			 "%s: timer %d of CPU %d fired %u times more after it was stopped", what,
			 index, smp_id(), fired(index) - before);
	check_timer(index, MIN((u32)PERIODS, before), most, acted, what);
}
