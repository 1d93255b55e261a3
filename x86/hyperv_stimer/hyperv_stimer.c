// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hyper-V's synthetic timers: four on every CPU, one-shot or periodic, which tell of
 * their expiration by a message in a SynIC slot, or in direct mode by an interrupt.
 *
 * The truth: TLFS "Timers", sections "Synthetic Timers" and "Synthetic Timer MSRs", and
 * "Inter-Partition Communication" for messages, slots and EOM. In short: never before
 * the expiration, any time after it; a one-shot's count is a moment of the reference
 * counter, a periodic one's the length from its enabling on; a count of 0 stops.
 *
 * Every message is looked at in the interrupt that brings it, against what the timer was
 * armed with and against the message before (note_message). The reference counter is
 * the measure of what is early. A wait has a deadline by the library's time source, and a
 * timer that does not come in time is a failure which says what it was armed with and
 * what its registers hold now. How late a timer is is nobody's fault here: a test cannot
 * tell a slow hypervisor from a busy host.
 *
 * A hypervisor may lose the phase of a periodic timer in a move (the TLFS does not say),
 * and skip an expiration for which it came too late; neither may happen for no reason.
 * So the tests ask the runner whether the guest was moved meanwhile, and are strict if not.
 *
 * What KVM is known not to do, and the tests mark by hv_report_strict() (Linux 6.1,
 * arch/x86/kvm/hyperv.c):
 *  - a timer enabled with SINT 0 at once, not by changing an enabled one, stays enabled
 *    (stimer_set_config() looks at the old Enable; stimer_set_count() not at all);
 *  - a message for a masked SINT counts as not delivered, and comes again with the next
 *    EOM (synic_set_irq() fails, stimer_send_msg() with it);
 *  - SCONTROL is kept, but messages are delivered whether it is on or not.
 */
#include "libcflat.h"
#include "barrier.h"
#include "console.h"
#include "hyperv.h"
#include "processor.h"
#include "smp.h"

#define TIMERS	      ALL_OF(HV_SYNIC, HV_STIMER, HV_TIME_REF_COUNT)
#define DIRECT_TIMERS ALL_OF(HV_SYNIC, HV_STIMER, HV_STIMER_DIRECT, HV_TIME_REF_COUNT)

/* What anything may take longer than it should, at full speed. */
#define PATIENCE_MS 5000

/* The SINT that a test uses for a timer if it does not matter. Not 0. */
#define SINT_OF(timer) (2 + (timer))
#define LAST_SINT      (HV_SYNIC_SINT_COUNT - 1)

/* ======== what timers do ======== */

enum fault_kind {
	NO_FAULT,
	NOT_ARMED,
	WRONG_MESSAGE,
	WRONG_SINT,
	WRONG_EXPIRATION,
	EARLY,
	DELIVERED_EARLY,
	DELIVERED_LATER,
	TWICE,
	TOO_SOON,
	/* These may come of a move. */
	OFF_PHASE,
	SKIPPED,
};

/* The first thing that was wrong, when the timer fired for the `number`th time. */
struct fault {
	enum fault_kind kind;
	u32 number;
	u64 is, should;
};

/* One firing: by its message (none in direct mode), and by when it was seen. */
struct firing {
	u64 expiration, delivery, seen, drained;
};

struct timer {
	u64 config, count;
	u64 armed_before, armed_after; /* the reference counter around the arming */

	u32 fired;
	struct firing first, last;
	u64 latest; /* the longest from expiration to seen */
	u64 shift;  /* of the phase, the last time that it changed */
	struct fault fault, may_come_of_a_move;

	/* For how long the CPU has been running since the last firing, and at most. */
	u64 running, longest_silence;
};

static PER_CPU(struct timer, timers[HV_SYNIC_STIMER_COUNT]);
/* Firings that belong to no timer. */
static PER_CPU(u32, strays);

static void set_fault(struct timer *timer, enum fault_kind kind, u64 is, u64 should)
{
	struct fault *fault = kind >= OFF_PHASE ? &timer->may_come_of_a_move : &timer->fault;

	if (!fault->kind)
		*fault = (struct fault){ kind, timer->fired + 1, is, should };
}

static void note_period(struct timer *timer, const struct firing *now)
{
	u64 passed = now->expiration - timer->last.expiration;

	if (!timer->fired) {
		if (now->expiration < timer->armed_before + timer->count)
			set_fault(timer, TOO_SOON, now->expiration,
				  timer->armed_before + timer->count);
		return;
	}
	if (!passed)
		set_fault(timer, TWICE, now->expiration, timer->last.expiration);
	else if ((s64)passed < (s64)timer->count)
		set_fault(timer, TOO_SOON, now->expiration, timer->last.expiration + timer->count);
	if (passed % timer->count) {
		timer->shift = passed % timer->count;
		set_fault(timer, OFF_PHASE, now->expiration, timer->last.expiration);
	} else if (passed > timer->count &&
		   timer->last.drained < timer->last.expiration + timer->count) {
		set_fault(timer, SKIPPED, now->expiration, timer->last.expiration + timer->count);
	}
}

static void note_message(struct timer *timer, const struct hv_arrival *arrival,
			 const struct firing *now)
{
	const struct hv_message_header *header = &arrival->message.header;

	if (header->message_type != HVMSG_TIMER_EXPIRED)
		set_fault(timer, WRONG_MESSAGE, header->message_type, HVMSG_TIMER_EXPIRED);
	if (header->payload_size != sizeof(struct hv_timer_message_payload))
		set_fault(timer, WRONG_MESSAGE, header->payload_size,
			  sizeof(struct hv_timer_message_payload));
	if (header->sender)
		set_fault(timer, WRONG_MESSAGE, header->sender, 0);
	if (arrival->message.timer.reserved)
		set_fault(timer, WRONG_MESSAGE, arrival->message.timer.reserved, 0);
	if (arrival->sint != HV_STIMER_SINT_OF(timer->config))
		set_fault(timer, WRONG_SINT, arrival->sint, HV_STIMER_SINT_OF(timer->config));
	if (now->delivery < now->expiration)
		set_fault(timer, DELIVERED_EARLY, now->delivery, now->expiration);
	if (now->seen < now->expiration)
		set_fault(timer, EARLY, now->seen, now->expiration);
	if (now->seen < now->delivery)
		set_fault(timer, DELIVERED_LATER, now->delivery, now->seen);
	if (timer->config & HV_STIMER_PERIODIC) {
		note_period(timer, now);
		return;
	}
	if (now->expiration != timer->count)
		set_fault(timer, WRONG_EXPIRATION, now->expiration, timer->count);
	if (timer->fired)
		set_fault(timer, TWICE, now->expiration, timer->last.expiration);
}

/* There is no message: what can be known is how often it may have fired by now. */
static void note_direct(struct timer *timer, const struct firing *now)
{
	u64 due = timer->count;

	if (timer->config & HV_STIMER_PERIODIC)
		due = timer->armed_before + (timer->fired + 1) * timer->count;
	else if (timer->fired)
		set_fault(timer, TWICE, now->seen, timer->last.seen);
	if (now->seen < due)
		set_fault(timer, EARLY, now->seen, due);
}

/* In the interrupt handler, on the CPU whose timer it is. */
static void note_firing(const struct hv_arrival *arrival)
{
	bool direct = arrival->sint == HV_NO_SINT;
	u32 index = direct ? arrival->vector - (u32)HV_DIRECT_VECTOR(0)
			   : arrival->message.timer.timer_index;
	struct timer *timer;
	struct firing now = {
		.expiration = direct ? 0 : arrival->message.timer.expiration_time,
		.delivery = direct ? 0 : arrival->message.timer.delivery_time,
		.seen = arrival->seen,
		.drained = arrival->drained,
	};

	if (index >= HV_SYNIC_STIMER_COUNT) {
		this_cpu(strays)++;
		return;
	}
	timer = &this_cpu(timers[index]);
	if (!timer->count || direct != !!(timer->config & HV_STIMER_DIRECT_MODE))
		set_fault(timer, NOT_ARMED, timer->config, timer->count);
	else if (direct)
		note_direct(timer, &now);
	else
		note_message(timer, arrival, &now);
	if (!timer->fired)
		timer->first = now;
	else
		timer->longest_silence = MAX(timer->longest_silence, timer->running);
	timer->running = 0;
	timer->latest = MAX(timer->latest, now.seen - now.expiration);
	timer->last = now;
	WRITE_ONCE(timer->fired, timer->fired + 1);
}

static const char *fault_text(const struct timer *timer, const struct fault *fault, char *text,
			      size_t size)
{
	static const char *const formats[] = {
		[NOT_ARMED] = "it came though not armed so (CONFIG 0x%lx, COUNT %lu)",
		[WRONG_MESSAGE] = "its message holds 0x%lx instead of 0x%lx",
		[WRONG_SINT] = "its message lay in the slot of SINT %lu instead of %lu",
		[WRONG_EXPIRATION] = "expiration_time %lu is not the count, %lu",
		[EARLY] = "it came early: at %lu instead of %lu or later",
		[DELIVERED_EARLY] = "delivery_time %lu is before expiration_time %lu",
		[DELIVERED_LATER] = "delivery_time %lu is after the moment it came, %lu",
		[TWICE] = "the same expiration twice: %lu, after %lu",
		[TOO_SOON] = "expiration_time %lu is less than a period after: should be %lu",
		[OFF_PHASE] = "expiration_time %lu is not whole periods after the last, %lu",
		[SKIPPED] = "an expiration was left out though nothing was late: %lu "
			    "instead of %lu",
	};
	int length = snprintf(text, size, "firing %u: ", fault->number);

	snprintf(text + length, size - length, formats[fault->kind], fault->is, fault->should);
	return text;
}

/* What this CPU's timer was armed with, and what its registers say now. */
static const char *state_of(int index, char *text, size_t size)
{
	const struct timer *timer = &this_cpu(timers[index]);
	int sint = HV_STIMER_SINT_OF(timer->config);
	const struct hv_message_header *slot = &this_cpu(hv_synic).messages->slot[sint].header;

	snprintf(text, size,
		 "armed at %lu with CONFIG 0x%lx COUNT %lu; now, at %lu, CONFIG 0x%lx COUNT %lu, "
		 "SINT%d 0x%lx, its slot 0x%x flags 0x%x",
		 timer->armed_before, timer->config, timer->count, hv_ref_count(),
		 hv_stimer_config(index), hv_stimer_count(index), sint,
		 rdmsr(HV_X64_MSR_SINT0 + sint), READ_ONCE(slot->message_type),
		 READ_ONCE(slot->message_flags));
	return text;
}

/* ======== arranging ======== */

/* Whether the guest was moved or paused since begin(), as far as anybody can tell. */
static u64 moves_at_begin;

static u64 count_moves(void)
{
	struct host_time time = { 0 };

	host_time(&time);
	return time.moves;
}

static bool was_moved(void)
{
	return count_moves() != moves_at_begin;
}

static void prepare_here(void *unused)
{
	memset(&this_cpu(timers), 0, sizeof(timers));
	this_cpu(strays) = 0;
	this_cpu(hv_synic).on_arrival = note_firing;
	for (int sint = 1; sint <= LAST_SINT; sint++)
		hv_sint_unmask(sint, HV_SINT_VECTOR(sint), 0);
}

/* On all CPUs: every SINT but 0 has its vector, every timer is stopped. */
static void begin(void)
{
	hv_synic_start_all();
	on_cpus(prepare_here, NULL);
	moves_at_begin = count_moves();
}

/* A last look, and everything off. */
static void end_with(bool elsewhere_too)
{
	const struct hv_synic *synic = &this_cpu(hv_synic);
	u32 elsewhere = elsewhere_too ? 0 : hv_synic_elsewhere();

	report(!this_cpu(strays) && synic->interrupts == synic->arrivals && !elsewhere,
	       "nothing else came: %u interrupts (%u of them not in service in the local APIC) for "
	       "%u "
	       "firings, %u of no timer; other CPUs got %u",
	       synic->interrupts, synic->not_in_service, synic->arrivals, this_cpu(strays),
	       elsewhere);
	hv_synic_stop_all();
}

static void end(void)
{
	end_with(false);
}

static void note_arming(int index, u64 config, u64 count)
{
	u64 now = hv_ref_count();

	this_cpu(timers[index]) =
		(struct timer){ .config = config, .count = count, .armed_before = now };
}

/* As the TLFS says: the count, then Enable. The timer is disabled before. */
static void arm(int index, u64 config, u64 count)
{
	note_arming(index, config, count);
	hv_stimer_set_count(index, count);
	hv_stimer_set_config(index, config | HV_STIMER_ENABLE);
	this_cpu(timers[index]).armed_after = hv_ref_count();
}

static u64 in_units(u64 n)
{
	return n * hv_unit();
}

static u64 from_now(u64 ticks)
{
	return hv_ref_count() + ticks;
}

static u32 fired(int index)
{
	return READ_ONCE(this_cpu(timers[index]).fired);
}

/* Until the timer has fired this often, and a good deal longer than that should take. */
static bool wait_fired(int index, u32 times)
{
	const struct timer *timer = &this_cpu(timers[index]);
	u64 now = hv_ref_count(), ticks;

	if (timer->config & HV_STIMER_PERIODIC)
		ticks = times * timer->count;
	else
		ticks = timer->count > now ? timer->count - now : 0;
	return wait_until(fired(index) >= times, ticks / HV_TICKS_PER_MS + PATIENCE_MS);
}

/* Lets time pass in which nothing more may come. */
static void linger(u64 units)
{
	if (!hv_wait_ref_count(from_now(in_units(units))))
		report_fail("the reference counter does not go on: %lu", hv_ref_count());
}

/* ======== judging ======== */

/* For check_timer(): as often as a periodic timer can by now. */
#define AS_TIME_ALLOWS (~0u)

/* How often a periodic timer can have fired since it was armed. */
static u32 most_periods(int index)
{
	const struct timer *timer = &this_cpu(timers[index]);

	return (hv_ref_count() - timer->armed_before) / timer->count;
}

/*
 * Fired as often as it should have, and rightly each time. `moved`: or it may have been.
 * The timer may be running: how often it has fired is read before the time that allows it.
 */
static bool check_timer(int index, u32 least, u32 most, bool moved, const char *what)
{
	const struct timer *timer = &this_cpu(timers[index]);
	u32 times = fired(index);
	bool periodic = timer->config & HV_STIMER_PERIODIC;
	bool direct = timer->config & HV_STIMER_DIRECT_MODE;
	const struct fault *fault = &timer->fault;
	char text[300];

	if (most == AS_TIME_ALLOWS)
		most = most_periods(index);
	if (!fault->kind && !moved)
		fault = &timer->may_come_of_a_move;
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
	else if (periodic && !direct && !moved && times &&
		 timer->first.expiration > timer->armed_after + timer->count)
		report_fail(
			"%s: timer %d of CPU %d: its first expiration_time, %lu, is more than a "
			"period, %lu, after it was enabled between %lu and %lu",
			what, index, smp_id(), timer->first.expiration, timer->count,
			timer->armed_before, timer->armed_after);
	else if (!least && !most)
		report_pass("%s: timer %d did not fire", what, index);
	else
		report_pass("%s: timer %d%s fired %u times, at most %lu ticks late%s", what, index,
			    direct ? ", direct," : "", times, direct ? 0 : timer->latest,
			    moved ? " (moved meanwhile)" : "");
	return times >= least && times <= most && !fault->kind;
}

static bool check_once(int index, const char *what)
{
	return check_timer(index, 1, 1, false, what);
}

static bool check_never(int index, const char *what)
{
	return check_timer(index, 0, 0, false, what);
}

static bool check_register(int index, const char *what, u64 is, u64 should)
{
	return report_if_failed(is == should, "timer %d of CPU %d: %s reads 0x%lx instead of 0x%lx",
				index, smp_id(), what, is, should);
}

/* After a one-shot has fired: "it is automatically marked as disabled". */
static void check_disabled_after(int index)
{
	const struct timer *timer = &this_cpu(timers[index]);

	check_register(index, "CONFIG", hv_stimer_config(index), timer->config);
	check_register(index, "COUNT", hv_stimer_count(index), timer->count);
}

/* ======== one-shot ======== */

/*
 * A hypervisor that takes the count for a length instead of a moment, that delivers
 * before the moment, more than once, with another timer's index or to another CPU, or
 * leaves the timer enabled. Timers 0 to 3 expire in the reverse of the order of their
 * arming, so that one cannot pass for another.
 */
TEST(oneshot, .on = EACH_CPU, .needs = TIMERS,
     .about = "each one-shot timer fires once, not before its count, with the right message")
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

/* A hypervisor that mixes up SINTs, or that has a slot too few. */
TEST(oneshot_every_sint, .on = EACH_CPU, .needs = TIMERS,
     .about = "a timer's message comes to the slot of the SINT in its configuration, 1 to 15")
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
 * "If a one-shot is enabled and the specified count is in the past, it will expire
 * immediately": one that waits for the counter to wrap leaves a guest waiting that was a
 * little late to arm its timer.
 */
TEST(oneshot_in_the_past, .on = EACH_CPU, .needs = TIMERS,
     .about = "a one-shot timer whose count has passed fires at once, with that count")
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

/* ======== periodic ======== */

#define PERIODS 8

static void stop_and_check(int index, bool moved, const char *what)
{
	u32 before, most;

	hv_stimer_stop(index);
	most = most_periods(index);
	before = fired(index);
	linger(10);
	report_if_failed(fired(index) == before,
			 "%s: timer %d of CPU %d fired %u times more after it was stopped", what,
			 index, smp_id(), fired(index) - before);
	check_timer(index, MIN((u32)PERIODS, before), most, moved, what);
}

static void check_periodic(u64 flags, const char *what)
{
	begin();
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		arm(i, HV_STIMER_SINT(SINT_OF(i)) | HV_STIMER_PERIODIC | flags, in_units(4 + i));
		check_register(i, "CONFIG", hv_stimer_config(i),
			       this_cpu(timers[i]).config | HV_STIMER_ENABLE);
		if (wait_fired(i, PERIODS))
			stop_and_check(i, was_moved(), what);
		else
			check_timer(i, PERIODS, AS_TIME_ALLOWS, was_moved(), what);
		hv_stimer_stop(i);
	}
	end();
}

/*
 * A hypervisor that counts the period from when it came to deliver the last message
 * drifts by its own delay: then an expiration_time is not a whole number of periods after
 * the last. If the last message was taken out of its slot before the next was due, that
 * number is one. Without messages (direct mode) a drift cannot be told from being late.
 */
TEST(periodic, .on = EACH_CPU, .needs = TIMERS,
     .about = "a periodic timer's expirations are whole periods apart, the first a period "
	      "after it was enabled")
{
	check_periodic(0, "periodic");
}

/* A lazy timer may leave out what is late. For what is not late there is no difference. */
TEST(periodic_lazy, .on = EACH_CPU, .needs = TIMERS,
     .about = "the same for lazy timers, where nothing is late")
{
	check_periodic(HV_STIMER_LAZY, "lazy");
}

/* ======== auto-enable ======== */

/*
 * A hypervisor that ignores AutoEnable leaves Windows, which arms its timers by the
 * count alone, without any. One that starts at the write of the configuration fires
 * for no reason.
 */
TEST(auto_enable, .on = EACH_CPU, .needs = TIMERS,
     .about = "with AutoEnable writing a count starts the timer, and nothing else does")
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
	stop_and_check(1, was_moved(), "auto-enabled periodic");

	/* And once more by the count alone. */
	note_arming(0, oneshot, from_now(in_units(4)));
	hv_stimer_set_count(0, this_cpu(timers[0]).count);
	wait_fired(0, 1);
	check_once(0, "auto-enabled again");
	end();
}

/* ======== direct mode ======== */

static u64 direct_config(int index)
{
	return HV_STIMER_DIRECT_MODE | HV_STIMER_APIC_VECTOR(HV_DIRECT_VECTOR(index));
}

static bool all_slots_empty(void)
{
	const struct hv_message_page *page = this_cpu(hv_synic).messages;
	bool empty = true;

	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++)
		empty &= READ_ONCE(page->slot[sint].header.message_type) == HVMSG_NONE;
	return empty;
}

/*
 * A hypervisor that sends a message as well, or instead; that takes SINT 0 in a direct
 * timer's configuration for a reason to disable it; that uses another vector. The local
 * APIC keeps one interrupt of a vector, so of a periodic timer some may be merged.
 */
TEST(direct, .on = EACH_CPU, .needs = DIRECT_TIMERS,
     .about = "a timer in direct mode raises its vector, not early and not too often, and "
	      "sends no message")
{
	begin();
	for (int i = 0; i < 2; i++) {
		arm(i, direct_config(i), from_now(in_units(6 - 2 * i)));
		report(hv_stimer_config(i) == (direct_config(i) | HV_STIMER_ENABLE) || fired(i),
		       "direct one-shot is enabled: CONFIG 0x%lx", hv_stimer_config(i));
	}
	for (int i = 2; i < HV_SYNIC_STIMER_COUNT; i++)
		arm(i, direct_config(i) | HV_STIMER_PERIODIC, in_units(2 + i));
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		wait_fired(i, i < 2 ? 1 : PERIODS);
	linger(2);
	for (int i = 0; i < 2; i++) {
		check_once(i, "direct one-shot");
		check_disabled_after(i);
	}
	for (int i = 2; i < HV_SYNIC_STIMER_COUNT; i++) {
		if (fired(i) >= PERIODS)
			stop_and_check(i, was_moved(), "direct periodic");
		else
			check_timer(i, PERIODS, AS_TIME_ALLOWS, true, "direct periodic");
		hv_stimer_stop(i);
	}
	report(all_slots_empty(), "no messages of timers in direct mode");
	end();
}

/* ======== all together ======== */

static void arm_all(void *unused)
{
	for (int i = 0; i < 3; i++)
		arm(i, HV_STIMER_SINT(SINT_OF(i)) | HV_STIMER_PERIODIC, in_units(8 + 3 * i));
	arm(3, HV_STIMER_SINT(SINT_OF(3)), from_now(in_units(20)));
}

/*
 * A hypervisor whose timers share what they should not: one message buffer, one pending
 * bit. The other CPUs' timers run too, so that messages that went to the wrong CPU are
 * seen as wrong ones here: counts differ by CPU.
 */
TEST(all_at_once, .on = EACH_CPU, .needs = TIMERS,
     .about = "all four timers on all CPUs at once, each as if it were alone")
{
	begin();
	on_cpus(arm_all, NULL);
	for (int i = 0; i < 3; i++)
		wait_fired(i, PERIODS);
	wait_fired(3, 1);
	for (int i = 0; i < 3; i++) {
		if (fired(i) >= PERIODS)
			stop_and_check(i, was_moved(), "all at once");
		else
			check_timer(i, PERIODS, AS_TIME_ALLOWS, was_moved(), "all at once");
	}
	check_once(3, "all at once");
	end_with(true);
}

/*
 * Four messages for one slot at one moment: the first goes in, the others wait for the
 * EOMs that the handler sends because MessagePending says so. A hypervisor that does not
 * set it, that forgets a message that found the slot busy, or that delivers only one of
 * several, loses timers.
 */
TEST(four_on_one_sint, .on = EACH_CPU, .needs = TIMERS,
     .about = "four timers that expire at once on one SINT: four messages, one for each")
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

/* ======== stopping and changing ======== */

enum way_to_stop { BY_ENABLE, BY_COUNT, BY_CONFIG };
static const char *const way_names[] = { "Enable cleared", "count 0 written", "CONFIG 0 written" };

static void stop_by(int index, enum way_to_stop way)
{
	if (way == BY_ENABLE)
		hv_stimer_set_config(index, this_cpu(timers[index]).config);
	else if (way == BY_COUNT)
		hv_stimer_set_count(index, 0);
	else
		hv_stimer_set_config(index, 0);
}

#define MOST_ATTEMPTS 10

/* False if the host was away so long that the timer may have fired before the stop. */
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
 * A hypervisor that forgets to cancel what it has set going, or leaves Enable set when
 * the count becomes 0.
 */
TEST(stopped, .on = EACH_CPU, .needs = TIMERS,
     .about = "a timer that is disabled, or whose count becomes 0, does not fire any more")
{
	begin();
	check_stops(HV_STIMER_SINT(SINT_OF(0)), "one-shot");
	check_stops(HV_STIMER_SINT(SINT_OF(0)) | HV_STIMER_PERIODIC, "periodic");
	if (HV_STIMER_DIRECT[0]->present()) {
		check_stops(direct_config(0), "direct one-shot");
		check_stops(direct_config(0) | HV_STIMER_PERIODIC, "direct periodic");
	}
	end();
}

/*
 * A hypervisor that goes on with the old count after a new one was written, or that fires
 * for both. To change the configuration of an enabled timer is undefined (TLFS
 * "Synthetic Timer Configuration Register"), so it is disabled first.
 */
TEST(rearmed, .on = EACH_CPU, .needs = TIMERS,
     .about = "a new count, or a new configuration, takes the place of the old one")
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
		stop_and_check(1, was_moved(), "a period of an hour, then a short one");
	else
		check_timer(1, PERIODS, AS_TIME_ALLOWS, true, "a period of an hour, then a short one");

	arm(2, HV_STIMER_SINT(SINT_OF(2)), from_now(in_units(12)));
	hv_stimer_set_config(2, 0);
	this_cpu(timers[2]).config = HV_STIMER_SINT(SINT_OF(2) + 5);
	hv_stimer_set_config(2, this_cpu(timers[2]).config | HV_STIMER_ENABLE);
	wait_fired(2, 1);
	check_once(2, "another SINT");
	/* Its count is in the past now. */
	note_arming(2, this_cpu(timers[2]).config, this_cpu(timers[2]).count);
	hv_stimer_set_config(2, this_cpu(timers[2]).config | HV_STIMER_ENABLE);
	wait_fired(2, 1);
	check_once(2, "enabled again after it has fired");
	end();
}

/*
 * "It is not permitted to set the SINTx field to zero for an enabled timer (that is not
 * in direct mode). If attempted, the timer will be marked disabled immediately."
 */
TEST(sint0, .on = EACH_CPU, .needs = TIMERS,
     .about = "without direct mode a timer with SINT 0 cannot be enabled, and never fires")
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

/* ======== messages that have to wait ======== */

/* Has timer `first` put its message into the slot, where it stays. False: reported. */
static bool occupy_slot(int first, int sint, u64 flags)
{
	struct hv_synic *synic = &this_cpu(hv_synic);
	struct hv_message *slot = &synic->messages->slot[sint];
	u32 interrupts;

	hv_sint_unmask(sint, HV_SINT_VECTOR(sint), flags);
	synic->held |= BIT(sint);
	interrupts = synic->interrupts;
	arm(first, HV_STIMER_SINT(sint), from_now(in_units(2)));
	if (!wait_until(READ_ONCE(synic->interrupts) != interrupts, PATIENCE_MS)) {
		check_once(first, "the message to occupy the slot");
		return false;
	}
	return report_if_failed(READ_ONCE(slot->header.message_type) == HVMSG_TIMER_EXPIRED &&
					slot->timer.timer_index == (u32)first,
				"CPU %d, SINT %d: an interrupt without the message of timer %d: "
				"type 0x%x, timer %u",
				smp_id(), sint, first, slot->header.message_type,
				slot->timer.timer_index);
}

static bool is_pending(int sint)
{
	return READ_ONCE(this_cpu(hv_synic).messages->slot[sint].header.message_flags) &
	       HV_MESSAGE_FLAG_PENDING;
}

/* The slot still has the first message; the second waits, and no interrupt came of it. */
static void check_waiting(int first, int second, int sint, u32 interrupts, const char *when)
{
	const struct hv_message *slot = &this_cpu(hv_synic).messages->slot[sint];
	char text[300];

	report(is_pending(sint),
	       "%s: MessagePending is set in SINT %d's slot, which timer %d's "
	       "message keeps from timer %d's: flags 0x%x%s%s",
	       when, sint, first, second, slot->header.message_flags, is_pending(sint) ? "" : "; ",
	       is_pending(sint) ? "" : state_of(second, text, sizeof(text)));
	report(slot->header.message_type == HVMSG_TIMER_EXPIRED &&
		       slot->timer.timer_index == (u32)first &&
		       slot->timer.expiration_time == this_cpu(timers[first]).count,
	       "%s: the slot keeps timer %d's message: type 0x%x, timer %u, expiration_time %lu",
	       when, first, slot->header.message_type, slot->timer.timer_index,
	       slot->timer.expiration_time);
	report(READ_ONCE(this_cpu(hv_synic).interrupts) == interrupts,
	       "%s: no interrupt while the slot is busy (%u)", when,
	       READ_ONCE(this_cpu(hv_synic).interrupts) - interrupts);
}

/* Empties the slot and says EOM: exactly one message follows, the one that waited. */
static void check_eom_brings(int first, int second, int sint)
{
	struct hv_synic *synic = &this_cpu(hv_synic);
	u32 interrupts = READ_ONCE(synic->interrupts);
	struct hv_message message;
	bool came;

	hv_take_message(sint, &message);
	synic->held &= ~BIT(sint);
	hv_eom();
	came = wait_fired(second, 1);
	linger(4);
	hv_eom();
	linger(2);
	report_if_failed(came, "CPU %d, SINT %d: EOM does not bring the message that waited",
			 smp_id(), sint);
	check_once(second, "after EOM");
	check_disabled_after(second);
	report(READ_ONCE(synic->interrupts) - interrupts == 1 && !fired(first),
	       "one message, one interrupt follow EOM: %u interrupts, the first timer's message "
	       "%u times more",
	       READ_ONCE(synic->interrupts) - interrupts, fired(first));
}

static void check_busy(u64 flags)
{
	int sint = 6;
	u32 interrupts;

	begin();
	if (occupy_slot(0, sint, flags)) {
		interrupts = READ_ONCE(this_cpu(hv_synic).interrupts);
		arm(1, HV_STIMER_SINT(sint), from_now(in_units(2)));
		hv_wait_ref_count(this_cpu(timers[1]).count);
		wait_until(is_pending(sint), PATIENCE_MS);
		check_waiting(0, 1, sint, interrupts, "busy");
		check_eom_brings(0, 1, sint);
	}
	hv_synic_stop_all();
}

/*
 * A hypervisor that overwrites a message, throws the second one away, does not set
 * MessagePending (a guest then never says EOM), or does nothing at EOM. The handler's EOI
 * comes before the second timer expires, so it cannot do the EOM's work.
 */
TEST(busy_slot, .on = EACH_CPU, .needs = TIMERS,
     .about = "a message for a busy slot waits: MessagePending is set, and EOM brings it, once")
{
	check_busy(0);
}

/* The same where the hypervisor does the EOI, and has no EOI of the guest to look at. */
TEST(busy_slot_auto_eoi, .on = EACH_CPU, .needs = TIMERS,
     .about = "the same for a SINT with AutoEOI")
{
	check_busy(HV_SYNIC_SINT_AUTO_EOI);
}

/*
 * A periodic timer's messages may be left out while the slot is busy, for how many is
 * nobody's promise; but then it has to go on, and in phase. A hypervisor that waits for
 * an acknowledgement of a message that it did not send stops here for good.
 */
TEST(busy_slot_periodic, .on = EACH_CPU, .needs = TIMERS,
     .about = "a periodic timer goes on in phase after its slot was busy")
{
	int sint = 7;
	struct hv_message message;
	u64 last;

	begin();
	if (occupy_slot(0, sint, 0)) {
		arm(1, HV_STIMER_SINT(sint) | HV_STIMER_PERIODIC, in_units(4));
		linger(18);
		hv_take_message(sint, &message);
		this_cpu(hv_synic).held = 0;
		hv_eom();
		if (wait_fired(1, PERIODS)) {
			hv_stimer_stop(1);
			last = this_cpu(timers[1]).last.expiration;
			/* What it was late for is no fault: it was the slot. */
			this_cpu(timers[1]).may_come_of_a_move = (struct fault){ 0 };
			report(was_moved() || (last - this_cpu(timers[1]).first.expiration) %
							      this_cpu(timers[1]).count ==
						      0,
			       "whole periods from the first message to the last");
		}
		check_timer(1, PERIODS, AS_TIME_ALLOWS, true, "after a busy slot");
	}
	hv_synic_stop_all();
}

/*
 * "If the SINTx is masked, the interrupt is lost" - the message is not: it lies in its
 * slot, and counts as delivered. A hypervisor that takes it for undelivered sends it
 * again at the next EOM.
 */
TEST(masked_sint, .on = EACH_CPU, .needs = TIMERS,
     .about = "a masked SINT's message comes without an interrupt, and only once")
{
	struct hv_message *slot = &this_cpu(hv_synic).messages->slot[8], message;
	bool came;

	begin();
	slot = &this_cpu(hv_synic).messages->slot[8];
	hv_sint_mask(8);
	arm(0, HV_STIMER_SINT(8), from_now(in_units(2)));
	came = wait_until(READ_ONCE(slot->header.message_type) != HVMSG_NONE, PATIENCE_MS);
	report(came && slot->timer.expiration_time == this_cpu(timers[0]).count,
	       "the message is in the slot: type 0x%x, expiration_time %lu (armed for %lu)",
	       slot->header.message_type, slot->timer.expiration_time, this_cpu(timers[0]).count);
	linger(4);
	report(!READ_ONCE(this_cpu(hv_synic).interrupts), "there is no interrupt: %u",
	       this_cpu(hv_synic).interrupts);
	hv_take_message(8, &message);
	hv_eom();
	linger(4);
	hv_report_strict(READ_ONCE(slot->header.message_type) == HVMSG_NONE,
			 "EOM does not bring the same message again: type 0x%x, timer %u, "
			 "expiration_time %lu, CONFIG 0x%lx",
			 slot->header.message_type, slot->timer.timer_index,
			 slot->timer.expiration_time, hv_stimer_config(0));
	/* It is to be over now in any case. */
	hv_stimer_stop(0);
	hv_take_message(8, &message);
	hv_sint_unmask(8, HV_SINT_VECTOR(8), 0);
	hv_eom();
	linger(4);
	report(!READ_ONCE(this_cpu(hv_synic).interrupts),
	       "unmasking does not bring the interrupt that was lost: %u",
	       this_cpu(hv_synic).interrupts);
	hv_synic_stop_all();
}

/* "If the SIM page is disabled [...] the message remains queued." */
TEST(no_message_page, .on = EACH_CPU, .needs = TIMERS,
     .about = "a message that finds no message page waits until there is one, and an EOM")
{
	struct hv_message_page *page;

	begin();
	page = this_cpu(hv_synic).messages;
	wrmsr(HV_X64_MSR_SIMP, (u64)page);
	arm(0, HV_STIMER_SINT(SINT_OF(0)), from_now(in_units(2)));
	hv_wait_ref_count(this_cpu(timers[0]).count);
	linger(4);
	report(!READ_ONCE(this_cpu(hv_synic).interrupts),
	       "without a message page there are no interrupts: %u", this_cpu(hv_synic).interrupts);
	wrmsr(HV_X64_MSR_SIMP, (u64)page | HV_SYNIC_ENABLE);
	hv_eom();
	wait_fired(0, 1);
	linger(4);
	check_once(0, "with the message page again");
	end();
}

/*
 * "When clear, message queuing and event flag notifications cannot be directed to this
 * virtual processor."
 */
TEST(scontrol_off, .on = EACH_CPU, .needs = TIMERS,
     .about = "while SCONTROL is off no message comes; then the timer works again")
{
	begin();
	wrmsr(HV_X64_MSR_SCONTROL, 0);
	arm(0, HV_STIMER_SINT(SINT_OF(0)), from_now(in_units(2)));
	hv_wait_ref_count(this_cpu(timers[0]).count);
	linger(4);
	hv_report_strict(!fired(0) && all_slots_empty(),
			 "SCONTROL 0x%lx, and timer %d fired %u times", rdmsr(HV_X64_MSR_SCONTROL),
			 0, fired(0));
	hv_stimer_stop(0);
	wrmsr(HV_X64_MSR_SCONTROL, HV_SYNIC_ENABLE);
	linger(2);
	hv_synic_forget();
	arm(1, HV_STIMER_SINT(SINT_OF(1)), from_now(in_units(2)));
	wait_fired(1, 1);
	check_once(1, "SCONTROL on again");
	end();
}

/* ======== moves ======== */

/* What the last move took by the reference counter. */
static u64 last_move;

static void be_moved(void)
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
		be_moved();
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
static void be_moved_beating(void)
{
	u64 begin = hv_ref_count();

	host_lock();
	puts("Now migrate the VM (quiet)\n");
	host_byte(beat, "the host's answer to a request to be moved");
	machine_line("got", "answer=0");
	host_unlock();
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
	be_moved_beating();
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
	be_moved();
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

/*
 * The waiting message is nowhere in the guest: a hypervisor keeps it, or knows from the
 * registers that it has to make it again. If it does neither, a guest that says EOM as
 * it should waits for ever.
 */
TEST(busy_slot_across_move, .on = EACH_CPU, .needs = TIMERS,
     .about = "a message that waits for a busy slot is still waiting after a move")
{
	int sint = 9;
	u32 interrupts;

	begin();
	if (occupy_slot(2, sint, 0)) {
		interrupts = READ_ONCE(this_cpu(hv_synic).interrupts);
		arm(3, HV_STIMER_SINT(sint), from_now(in_units(2)));
		hv_wait_ref_count(this_cpu(timers[3]).count);
		wait_until(is_pending(sint), PATIENCE_MS);
		check_waiting(2, 3, sint, interrupts, "before the move");
		be_moved();
		linger(3);
		check_waiting(2, 3, sint, interrupts, "after the move");
		check_eom_brings(2, 3, sint);
	}
	hv_synic_stop_all();
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
	be_moved();
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
	be_moved();
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
	be_moved();
	check_registers("after the move");
	end();
}
