/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waiting, with deadlines by a clock that is not under test. The time source is the ACPI PM timer,
 * or the PIT if there is none; a `mark name=time` line at the start of a boot says which. The time
 * source stands still while the guest is stopped. Tests give milliseconds for a host of full
 * speed, and the library multiplies them by the command line's timescale.
 */
#ifndef DEADLINE_H
#define DEADLINE_H

#include "libcflat.h"

/*
 * Adds up time from a counter that wraps. Read it at least every four seconds (every 50 ms with
 * the PIT), else it loses time. It never gains any.
 */
struct stopwatch {
	u64 ticks;
	u32 last;
};

void stopwatch_start(struct stopwatch *watch);
/* Nanoseconds since stopwatch_start(). */
u64 stopwatch_ns(struct stopwatch *watch);

struct deadline {
	struct stopwatch watch;
	u64 ticks;
	u32 polls;
	bool shortened; /* see patience.h */
};

/* Ends milliseconds * timescale from now. */
void deadline_start(struct deadline *deadline, u64 milliseconds);
/* For wait_until(): ends then or earlier. Waits for the host's answer are never shortened. */
void deadline_start_patient(struct deadline *deadline, u64 milliseconds);
/* For the macros below: notes that the wait timed out. Returns false. */
bool deadline_was_missed(const struct deadline *deadline);
/*
 * Returns whether the deadline has passed. Call it in a waiting loop: it pauses a little, and reads
 * the time only now and then, since reading is slow.
 */
bool deadline_passed(struct deadline *deadline);

/* Waits until the condition is true. Gives false if it does not become true in time. */
#define wait_with_(start, condition, milliseconds)                                                 \
	({                                                                                         \
		struct deadline deadline_;                                                         \
		bool holds_;                                                                       \
                                                                                                   \
		start(&deadline_, milliseconds);                                                   \
		while (!(holds_ = (condition)) && !deadline_passed(&deadline_))                    \
			;                                                                          \
		/* The host may have taken the CPU away just before the time was read. */          \
		holds_ || (condition) || deadline_was_missed(&deadline_);                          \
	})

/*
 * For conditions that a broken hypervisor may never make true. Once a test has failed after a wait
 * that timed out, these waits are shorter than `milliseconds`. A test that fails after a shortened
 * wait counts as skipped (patience.h).
 */
#define wait_until(condition, milliseconds)                                                        \
	wait_with_(deadline_start_patient, condition, milliseconds)

/* For waits that decide no test's verdict. They are never shortened. */
#define wait_in_full(condition, milliseconds) wait_with_(deadline_start, condition, milliseconds)

/* Like wait_in_full(), but if it fails it aborts, with a message that says what it waited for. */
#define wait_for(condition, milliseconds, what, ...)                                               \
	do {                                                                                       \
		if (!wait_in_full(condition, milliseconds))                                        \
			deadline_missed(milliseconds, what, ##__VA_ARGS__);                        \
	} while (0)

void deadline_missed(u64 milliseconds, const char *what, ...) __printf(2, 3) __noreturn;

/* How late anything may be on a host of full speed, so that a test calls it lost. */
#define PATIENCE_MS 5000

/* How long the library itself waits at most. */
#define LIBRARY_DEADLINE_MS 10000
#define ANSWER_DEADLINE_MS  600000

/* The command line's timescale, 1 or more: how much slower than full speed the host is. */
u64 timescale(void);

/* Lets at least this much time pass. It is not multiplied by timescale. */
void delay_us(u64 microseconds);

/*
 * Whether a count that another CPU keeps raising does not change for 20 ms. The host may also have
 * taken that CPU away for so long.
 */
bool stands_still(const volatile u32 *count);

/* "acpi_pm" or "pit" */
const char *time_source_name(void);

/*
 * The TSC's approximate frequency: the middle of the range that 10 ms of the time source give
 * (clock-rate.h). The first call measures it.
 */
u64 tsc_hz(void);

/* Rounds of an empty loop in a millisecond. The first call measures it. */
u64 loops_per_ms(void);
/*
 * How often to do what a fast host does `count` times: proportionally fewer on a host that is
 * slower than 100000 loops per ms, but not fewer than `least`. With full-speed=1 on the command
 * line the host counts as fast.
 */
u64 scaled_count(u64 count, u64 least);

/* For the library: chooses the time source. */
void time_init(void);
/* The raw counter: `mask` is 2^width - 1, `hz` is its frequency. */
struct time_source {
	const char *name;
	u32 (*read)(void);
	u32 mask;
	u32 hz;
};
extern struct time_source time_source;

#endif
