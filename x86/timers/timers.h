/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the program timers share: how they wait for an interrupt that a timer owes the
 * guest, and how they measure its lateness. See also the head of timers.c. Everything is about the
 * CPU that calls.
 */
#ifndef TIMERS_H
#define TIMERS_H

#include "libcflat.h"
#include "isr.h"
#include "percpu.h"
#include "test.h"

#define NS_PER_MS     1000000ul
#define NS_PER_SECOND 1000000000ul

#define TIMER_VECTOR 0x50

/* A timer that sends TIMER_VECTOR to this CPU. */
struct timer_kind {
	const char *name;
	/* It does not count while the host holds the guest. */
	bool stands_still;
	/* The longest time of at most NS that it can be armed for; any time if this is NULL. */
	u64 (*fit)(u64 ns);
	/* Starts it: it is due after NS, and if it is PERIODIC, again and again. */
	void (*start)(u64 ns, bool periodic);
	void (*stop)(void);
	/* Called by the interrupt handler if the device needs an answer; may be NULL. */
	void (*acknowledge)(void);
	/*
	 * If these are not NULL, the timer does not send TIMER_VECTOR. They install and remove a
	 * handler, which calls timer_rang() with interrupts off.
	 */
	void (*install)(void);
	void (*remove)(void);
};

/* The RTC's periodic interrupt (devices.c). Its line is high from the interrupt to acknowledge().
 */
DECLARE_FEATURE(RTC);
extern const struct timer_kind rtc;
#define RTC_IRQ 8
/* Starts it, and leaves the IOAPIC's pin alone. Interrupts are off, or the pin is masked. */
void rtc_run(u64 ns);
#define SECONDS_PER_DAY 86400
/* The seconds of the day by the RTC. Returns false while they change: then try again. */
bool rtc_read(u64 *seconds);
/* NUMBER as the RTC holds it: in binary or in BCD. */
u8 rtc_in_format(u8 number);

/* devices.c has an HPET's registers mapped once its feature was looked for. */
DECLARE_FEATURE(HPET);
/* Starts the main counter. */
void hpet_count(void);
/* The main counter, in ns. */
u64 hpet_now(void);

/* A line of the console has room for so many. */
#define FIRINGS_KEPT 24

/* What this CPU has seen of the timer since begin_watch(). */
struct watch {
	const struct timer_kind *timer;
	struct stopwatch stopwatch;
	u64 now; /* ns since begin_watch() or restart_watch(), at the last look */
	u32 turns;

	u32 fired;
	u64 first, last;	   /* when it fired */
	u64 firings[FIRINGS_KEPT]; /* the same of the last ones: of the Nth in N % FIRINGS_KEPT */

	/* How long the CPU has run since DUE without the interrupt. */
	u64 due, late;
	bool is_due;
};

DECLARE_PER_CPU(struct watch, watches);

/* Installs the handler, and starts to count; stops the timer, and removes the handler. */
void begin_watch(const struct timer_kind *timer);
void end_watch(void);
/* Counts from 0 again. */
void restart_watch(void);
u32 times_fired(void);
void timer_rang(void);
/* Looks at the time. For waiting loops. Returns ns since begin_watch() or restart_watch(). */
u64 look(void);
/* The same, but not at each call: for migrate_quiet_while(). */
void look_now_and_then(void);

/*
 * The interrupt is owed to the guest from NS on. Waits for it, but no longer than until the CPU has
 * run MOST ns in vain. Returns whether it came; watch.late tells how late.
 */
bool await_due(u64 ns, u32 times, u64 most);

/* How long the last action took, in ns by the time source; 0 if there was none. */
u64 action_ns(void);
/* How late the timer is at worst if there is no action. */
u64 usual_lateness(const struct timer_kind *timer);

/* Asks for an action, and looks at the time meanwhile. */
void be_acted_on(void);

/* How often a test is tried: a busy host is late now and then, a broken one each time. */
#define ATTEMPTS 3

/* The tests that are the same for all timers. */
void check_due_in_downtime(const struct timer_kind *timer, bool periodic,
			   bool phase_may_begin_anew);

#endif
