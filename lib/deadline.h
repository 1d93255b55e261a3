/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time that is not the clock under test, and waiting by it. The source is the
 * ACPI PM timer, or else the PIT; a `mark name=time` line at the start of a boot
 * says which. It stands still while the guest does. Every length that a test
 * gives in milliseconds is for a host that runs at full speed; deadlines are
 * multiplied by the command line's timescale.
 */
#ifndef DEADLINE_H
#define DEADLINE_H

#include "libcflat.h"

/* Adds up time from a counter that wraps: look at it every four seconds at least
 * (with the PIT, every 50 ms), or time is lost; none is ever added. */
struct stopwatch {
	u64 ticks;
	u32 last;
};

void stopwatch_start(struct stopwatch *watch);
/* Nanoseconds since the start. */
u64 stopwatch_ns(struct stopwatch *watch);

struct deadline {
	struct stopwatch watch;
	u64 ticks;
	u32 polls;
};

/* From now on, milliseconds * timescale. */
void deadline_start(struct deadline *deadline, u64 milliseconds);
/*
 * For a waiting loop: pauses a little, and now and then looks at the time, which
 * is slow. True once the deadline has passed.
 */
bool deadline_passed(struct deadline *deadline);

/* Waits until the condition holds; false if it does not within the time. */
#define wait_until(condition, milliseconds)                                                        \
	({                                                                                         \
		struct deadline deadline_;                                                         \
		bool holds_;                                                                       \
                                                                                                   \
		deadline_start(&deadline_, milliseconds);                                          \
		while (!(holds_ = (condition)) && !deadline_passed(&deadline_))                    \
			;                                                                          \
		/* The host may have taken the CPU away just before the look at the time. */       \
		holds_ || (condition);                                                             \
	})

/* The same for what cannot fail but by a bug: aborts, naming what it waited for. */
#define wait_for(condition, milliseconds, what, ...)                                               \
	do {                                                                                       \
		if (!wait_until(condition, milliseconds))                                          \
			deadline_missed(milliseconds, what, ##__VA_ARGS__);                        \
	} while (0)

void deadline_missed(u64 milliseconds, const char *what, ...) __printf(2, 3) __noreturn;

/* What the library itself waits for, at most. */
#define LIBRARY_DEADLINE_MS 10000
#define ANSWER_DEADLINE_MS  600000

/* Of the command line, 1 or more. */
u64 timescale(void);

/* Lets at least this much time pass (not multiplied by timescale). */
void delay_us(u64 microseconds);

/* "acpi_pm" or "pit" */
const char *time_source_name(void);

/* Of the TSC, measured in the first call against the time source. */
u64 tsc_hz(void);

/* Rounds of an empty loop in a millisecond; measured in the first call. */
u64 loops_per_ms(void);
/*
 * How often to do what a fast host does `count` times: fewer in proportion on a
 * host slower than 100000 loops per ms, but never fewer than `least`.
 */
u64 scaled_count(u64 count, u64 least);

/* For the library: chooses the source. */
void time_init(void);
/* The raw counter: its width in bits and its frequency. */
struct time_source {
	const char *name;
	u32 (*read)(void);
	u32 mask;
	u32 hz;
};
extern struct time_source time_source;

#endif
