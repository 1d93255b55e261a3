/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the program hyperv_stimer share: what each timer of each CPU was armed with and
 * has done, and how to arm, wait and check. See also the head of hyperv_stimer.c.
 *
 * Every function is about this CPU's timers. INDEX is a timer's, from 0 to 3. Times are in ticks
 * of the reference counter (100 ns).
 */
#ifndef HYPERV_STIMER_H
#define HYPERV_STIMER_H

#include "libcflat.h"
#include "hyperv.h"
#include "percpu.h"

#define TIMERS	      ALL_OF(HV_SYNIC, HV_STIMER, HV_TIME_REF_COUNT)
#define DIRECT_TIMERS ALL_OF(HV_SYNIC, HV_STIMER, HV_STIMER_DIRECT, HV_TIME_REF_COUNT)

/* The SINT for a timer where any SINT but 0 will do. */
#define SINT_OF(timer) (2 + (timer))
#define LAST_SINT      (HV_SYNIC_SINT_COUNT - 1)

/* How often tests let a periodic timer fire. */
#define PERIODS 8

/* ---- what timers do: hyperv_stimer.c ---- */

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
	/* An action of the host may be the cause of these. */
	OFF_PHASE,
	SKIPPED,
};

/* The first error. It was seen when the timer fired for the `number`th time. */
struct fault {
	enum fault_kind kind;
	u32 number;
	u64 is, should;
};

/* One firing: what its message says (in direct mode there is none), and when it was seen. */
struct firing {
	u64 expiration, delivery, seen, drained;
};

struct timer {
	u64 config, count;
	u64 armed_before, armed_after; /* the reference counter before and after the arming */

	u32 fired;
	struct firing first, last;
	u64 latest; /* the longest time from expiration to seen */
	u64 shift;  /* the last change of the phase */
	struct fault fault, may_come_of_an_action;

	/* How long the CPU has run since the last firing, and the longest such time. */
	u64 running, longest_silence;
};

DECLARE_PER_CPU(struct timer, timers[HV_SYNIC_STIMER_COUNT]);
/* Firings that belong to no timer. */
DECLARE_PER_CPU(u32, strays);

/* For the interrupt handler of lib/x86/hyperv.h: checks a firing, on the CPU of its timer. */
void note_firing(const struct hv_arrival *arrival);
/* Both fill TEXT, and return it. */
const char *fault_text(const struct timer *timer, const struct fault *fault, char *text,
		       size_t size);
const char *state_of(int index, char *text, size_t size);

/* ---- arranging: checks.c ---- */

/* On all CPUs: every SINT but 0 has its vector, every timer is stopped. */
void begin(void);
/* Checks that nothing else came, and turns everything off. */
void end(void);
/* Like end(). ELSEWHERE_TOO: other CPUs' timers were running, and their interrupts are allowed. */
void end_with(bool elsewhere_too);
/* Whether the host has acted on the guest since begin(). False if the host does not answer. */
bool host_acted(void);

/* Arms a timer that is disabled. note_arming() only notes what the caller arms it with. */
void arm(int index, u64 config, u64 count);
void note_arming(int index, u64 config, u64 count);

/* N units, which are longer on a slow host. */
u64 in_units(u64 n);
u64 from_now(u64 ticks);

u32 fired(int index);
/* Waits until the timer has fired this often. False if it took far too long. */
bool wait_fired(int index, u32 times);
/* Lets time pass in which nothing may come. */
void linger(u64 units);

enum way_to_stop { BY_ENABLE, BY_COUNT, BY_CONFIG };
void stop_by(int index, enum way_to_stop way);

/* ---- checks: checks.c ---- */

/* For check_timer(): as often as a periodic timer can have fired by now. */
#define AS_TIME_ALLOWS (~0u)

/*
 * Checks that the timer fired at least LEAST and at most MOST times, and that each firing was
 * right. ACTED: the host may have acted on the guest meanwhile.
 */
bool check_timer(int index, u32 least, u32 most, bool acted, const char *what);
bool check_once(int index, const char *what);
bool check_never(int index, const char *what);
/* Stops a periodic timer, and checks that it has stopped and that it fired correctly before. */
void stop_and_check(int index, bool acted, const char *what);

bool check_register(int index, const char *what, u64 is, u64 should);
/* After a one-shot has fired: "it is automatically marked as disabled". */
void check_disabled_after(int index);

#endif
