// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * timers: the timers of a PC that a hypervisor emulates, across a live migration and every other
 * action of the host.
 *
 * Specification: the head of each file names that of its timer. All timers have this in common:
 * when a timer's time is over, the guest must get an interrupt. If that happens while the host
 * holds the guest (the downtime), the guest must get the interrupt as soon as it runs again. It
 * must not wait for another whole time or period.
 *
 * A broken hypervisor arms the timer at the destination with its whole time, although some or all
 * of it has passed. Or it loses the expiration in the downtime, and a periodic timer is silent for
 * a period too long, or for ever. Or it makes up for the periods of a long pause one by one, and
 * the guest does nothing but handle interrupts.
 *
 * How the tests see it: the guest lets a part of the time pass, and then asks for an action. The
 * interrupt is due when the timer's time is over or when the action ends, whichever is later. From
 * then on the tests add up how long this CPU runs without the interrupt. Time that the host takes
 * from the CPU does not count: no single gap between two looks counts for more than a small part of
 * the limit.
 *
 * The limit is a quarter of the timer's time. That time is about twice as long as the last action
 * or longer. It is also twenty times the lateness of an interrupt that no action disturbs, but five
 * seconds are enough. Some timers cannot be armed for so long. So nothing depends on how fast the
 * host is: a hypervisor that begins anew is late by at least three eighths of the time, and a good
 * one by next to nothing. The tests fail only if the interrupt is late in each of three attempts.
 *
 * A VMM that saves and restores the guest all the time (plan cycle@kick and its kin) holds it for a
 * large part of the time, which the guest cannot tell. A timer that stands still then, or whose
 * period begins anew each time, may come at any time, so such tests skip there.
 *
 * They see a periodic timer that fires too often, but not a single interrupt that is early:
 * selftest, svm_time and vmx_time look for that. With QEMU, one-shot APIC timers are early
 * (docs/findings.md, "QEMU 7.2: a one-shot APIC timer fires right after a migration"). They cannot
 * tell KVM, which runs a timer, from the VMM that restores it.
 *
 * On the command line: actions=N, how many actions rtc_level_again asks for.
 */
#include "console.h"
#include "processor.h"
#include "smp.h"
#include "x86/timers/timers.h"

PER_CPU(struct watch, watches);

/* A gap between two looks counts for this much of the limit at most. */
#define GAPS_PER_LIMIT 32

/* ---- looking ---- */

static void add_lateness(struct watch *watch, u64 from, u64 gap)
{
	if (watch->is_due && watch->now > watch->due)
		watch->late += MIN(watch->now - MAX(from, watch->due), gap);
}

static PER_CPU(u64, longest_gap);

/* Interrupts are off. */
static void look_here(struct watch *watch)
{
	u64 from = watch->now;

	watch->now = stopwatch_ns(&watch->stopwatch);
	add_lateness(watch, from, this_cpu(longest_gap));
}

u64 look(void)
{
	u64 flags = irq_save(), now;

	look_here(&this_cpu(watches));
	now = this_cpu(watches).now;
	irq_restore(flags);
	return now;
}

/* A look more often than this would slow down a migration. */
#define TURNS_PER_LOOK 64

void look_now_and_then(void)
{
	if (this_cpu(watches).turns++ % TURNS_PER_LOOK == 0)
		look();
}

void timer_rang(void)
{
	struct watch *watch = &this_cpu(watches);

	look_here(watch);
	if (watch->timer->acknowledge)
		watch->timer->acknowledge();
	if (!watch->fired)
		watch->first = watch->now;
	watch->last = watch->now;
	watch->firings[watch->fired % FIRINGS_KEPT] = watch->now;
	watch->is_due = false;
	WRITE_ONCE(watch->fired, watch->fired + 1);
}

static void on_timer(isr_regs_t *regs)
{
	timer_rang();
}

u32 times_fired(void)
{
	return READ_ONCE(this_cpu(watches).fired);
}

void restart_watch(void)
{
	u64 flags = irq_save();
	struct watch *watch = &this_cpu(watches);

	*watch = (struct watch){ .timer = watch->timer };
	stopwatch_start(&watch->stopwatch);
	irq_restore(flags);
}

void begin_watch(const struct timer_kind *timer)
{
	this_cpu(watches).timer = timer;
	restart_watch();
	if (timer->install)
		timer->install();
	else
		handle_irq_eoi(TIMER_VECTOR, on_timer);
}

void end_watch(void)
{
	const struct timer_kind *timer = this_cpu(watches).timer;

	timer->stop();
	if (timer->remove)
		timer->remove();
	else
		unhandle_irq(TIMER_VECTOR);
}

bool await_due(u64 ns, u32 times, u64 most)
{
	struct watch *watch = &this_cpu(watches);
	u64 flags = irq_save();

	this_cpu(longest_gap) = MAX(most / GAPS_PER_LIMIT, 1ul);
	watch->due = ns;
	watch->is_due = watch->fired < times;
	irq_restore(flags);
	while (times_fired() < times && READ_ONCE(watch->late) <= most)
		look();
	return times_fired() >= times;
}

/* ---- how long things take ---- */

static u64 last_action;

u64 action_ns(void)
{
	return last_action;
}

void be_acted_on(void)
{
	u64 begin = look();

	migrate_quiet_while(look_now_and_then);
	last_action = look() - begin;
}

#define SHORT_NS   (2 * NS_PER_MS)
#define SHORT_RUNS 3
/* usual_lateness() waits no longer. If no interrupt comes at all, the test itself finds out. */
#define MUCH_LATER (1000 * SHORT_NS)

static u64 fit(const struct timer_kind *timer, u64 ns)
{
	return timer->fit ? timer->fit(ns) : ns;
}

u64 usual_lateness(const struct timer_kind *timer)
{
	u64 worst = 0, ns = fit(timer, SHORT_NS);

	for (int i = 0; i < SHORT_RUNS; i++) {
		restart_watch();
		timer->start(ns, false);
		await_due(ns, 1, MUCH_LATER);
		timer->stop();
		worst = MAX(worst, this_cpu(watches).late);
	}
	return worst;
}

/* ---- the test of all timers ---- */

/*
 * How much of the timer's time is left when the guest asks for an action, in percent of the time
 * that the last action took. The downtime comes late in a migration, and no two migrations take
 * equally long. With the smaller part left, the timer is due in the downtime, or a little before or
 * after it. With the larger part, it is sure to be armed when it is saved. CPUs and rounds
 * alternate between the two.
 */
#define LEAST_LEFT_PERCENT 95
#define MOST_LEFT_PERCENT  300

#define SHORTEST_NS    (200 * NS_PER_MS)
#define LONG_ENOUGH_NS (5 * NS_PER_SECOND)

static u64 wanted_left(void)
{
	bool more = (smp_id() + current_round()) % 2; /* rounds begin with 1 */

	return action_ns() * (more ? MOST_LEFT_PERCENT : LEAST_LEFT_PERCENT) / 100;
}

/*
 * The time source measured the timer's frequency on a host that may have been busy. So the two may
 * disagree by this part of the time.
 */
#define DISAGREEMENT(ns) ((ns) / 8)

struct attempt {
	u64 ns, most;
	u64 owed, acted;
	bool came;
	bool last; /* the last attempt: wait longer, to tell how late the interrupt was */
	u64 asked; /* the question for the host's time before the timer was armed; 0: no answer */
	u64 until; /* when the timer was stopped */
	u32 fired, most_times;
	u64 late;
};

/*
 * How often a periodic timer can have fired. It may go on while the host holds the guest. One
 * interrupt may have been late, and one may come before the timer is stopped.
 */
static u32 most_times(const struct attempt *attempt, const struct host_time *begin)
{
	struct host_time end = { 0 };
	u64 period = attempt->ns - DISAGREEMENT(attempt->ns);

	host_time(&end);
	return (look() + end.pause_max - begin->pause_max) / period + 3;
}

/* When the timer is due for the next time, if nothing has gone wrong. */
static u64 next_due(const struct attempt *attempt, bool periodic)
{
	u64 last = periodic ? READ_ONCE(this_cpu(watches).last) : 0;

	return last + attempt->ns + DISAGREEMENT(attempt->ns);
}

static void attempt_downtime(struct attempt *attempt, bool periodic, bool phase_may_begin_anew)
{
	const struct timer_kind *timer = this_cpu(watches).timer;
	u64 left = MIN(wanted_left(), attempt->ns / 2), begin, most;
	struct host_time host = { 0 };

	attempt->asked = host_time(&host);
	restart_watch();
	timer->start(attempt->ns, periodic);
	attempt->acted = 0;
	attempt->owed = next_due(attempt, periodic);
	/*
	 * The period before the action says nothing about the action. It only tells when the next
	 * interrupt is due, and a busy host may be late with it.
	 */
	attempt->came = !periodic || await_due(attempt->owed, 1, MAX(attempt->most, MUCH_LATER));
	if (!attempt->came)
		return;
	WRITE_ONCE(this_cpu(watches).late, 0);
	begin = periodic ? this_cpu(watches).last : 0;
	while (look() < begin + attempt->ns - left)
		;
	be_acted_on();
	attempt->acted = look();
	attempt->owed = MAX(next_due(attempt, periodic), attempt->acted);
	if (phase_may_begin_anew)
		attempt->owed = MAX(attempt->owed, attempt->acted + attempt->ns);
	/* Periodic interrupts that came before the downtime do not count. */
	most = attempt->last ? attempt->most + attempt->ns : attempt->most;
	attempt->came = await_due(attempt->owed, periodic ? times_fired() + 1 : 1, most);
	attempt->most_times = most_times(attempt, &host);
}

/*
 * Returns whether the interrupt came in time. Keeps the figures, since the next attempt resets
 * them.
 */
static bool try_downtime(struct attempt *attempt, bool periodic, bool phase_may_begin_anew)
{
	const struct watch *watch = &this_cpu(watches);

	attempt_downtime(attempt, periodic, phase_may_begin_anew);
	attempt->until = look();
	watch->timer->stop();
	attempt->late = watch->late;
	attempt->fired = watch->fired;
	return attempt->came && attempt->late <= attempt->most;
}

/* For people who look at the case later: when it fired, beside moments of the host's clock. */
static void tell_firings(const struct attempt *attempt, bool periodic)
{
	const struct watch *watch = &this_cpu(watches);
	u32 kept = MIN(watch->fired, FIRINGS_KEPT + 0u);
	struct host_time host = { 0 };
	char firings[CONSOLE_LINE] = "";
	size_t length = 0;
	u64 asked;

	if (!attempt->asked)
		return;
	asked = host_time(&host);
	for (u32 i = watch->fired - kept; i < watch->fired; i++)
		length += snprintf(firings + length, sizeof(firings) - length, "%s%lu",
				   length ? "," : "", watch->firings[i % FIRINGS_KEPT]);
	mark("timer",
	     "timer=\"%s\" cpu=%d from=%lu to=%lu now=%lu armed=%lu periodic=%d until=%lu fired=%u firings=\"%s\"",
	     watch->timer->name, smp_id(), attempt->asked, asked, look(), attempt->ns, periodic,
	     attempt->until, watch->fired, firings);
}

void check_due_in_downtime(const struct timer_kind *timer, bool periodic, bool phase_may_begin_anew)
{
	struct attempt attempt = { 0 };
	struct host_time time;
	bool good = false;
	u64 usual = 0, wanted;

	if ((timer->stands_still || phase_may_begin_anew) && host_time(&time) && time.cycles) {
		report_skip("%s: the VMM saves and restores the guest all the time", timer->name);
		return;
	}
	begin_watch(timer);
	if (!action_ns())
		be_acted_on();
	for (int i = 0; i < ATTEMPTS && !good; i++) {
		usual = MAX(usual, usual_lateness(timer));
		wanted = MAX(SHORTEST_NS, MIN(20 * usual, LONG_ENOUGH_NS));
		wanted = MAX(wanted, 2 * wanted_left());
		attempt.ns = fit(timer, wanted);
		attempt.most = MAX(attempt.ns / 4, 4 * usual);
		/*
		 * A VMM that has just restored a guest may be busy for longer than a short period.
		 */
		if (attempt.ns < wanted)
			attempt.most = MAX(attempt.most, 10 * usual + action_ns());
		attempt.last = i == ATTEMPTS - 1;
		good = try_downtime(&attempt, periodic, phase_may_begin_anew);
	}
	report(good,
	       "%s: armed for %lu us, %s; the action was over after %lu us, and it was owed from %lu us on: it %s, and this CPU ran for %lu us without it (allowed are %lu us)",
	       timer->name, attempt.ns / 1000, periodic ? "periodic" : "one-shot",
	       attempt.acted / 1000, attempt.owed / 1000, attempt.came ? "came" : "did not come",
	       attempt.late / 1000, attempt.most / 1000);
	if (periodic && good)
		report(attempt.fired <= attempt.most_times,
		       "%s: armed for %lu us, periodic: it fired %u times, and at most %u times were due",
		       timer->name, attempt.ns / 1000, attempt.fired, attempt.most_times);
	tell_firings(&attempt, periodic);
	end_watch();
}
