/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program svm_time share. */
#ifndef SVM_TIME_H
#define SVM_TIME_H

#include "console.h"
#include "nested/svm/svm.h"
#include "percpu.h"
#include "x86/nested/time.h"

/* How long a test waits for an interrupt that must not come again. */
#define LINGER_US 2000

/* ---- L1's APIC timer (ticks.c) ---- */

#define TIMER_VECTOR  0x41
#define RESCUE_VECTOR 0x42

/* The timer's interrupts on one CPU. The stack that was in use tells who was interrupted. */
struct ticks {
	const struct l2 *l2;
	u32 in_l1, in_l2;
	u64 first_tsc; /* L1's TSC at the first interrupt */
	bool once;     /* the handler stops the timer, unless it is periodic ... */
	bool keep;     /* ... or this is set */
	bool rescued;

	/*
	 * The time since the timer was armed, by the time source, and when the first interrupt was
	 * seen.
	 */
	struct stopwatch watch;
	u64 seen_ns;
	u64 patience_ms; /* how long to wait for an interrupt */
};

DECLARE_PER_CPU(struct ticks, timer_ticks);

/* Who gets a physical interrupt while L2 runs. */
enum route {
	TO_L1,	      /* intercepted */
	TO_L1_ALWAYS, /* intercepted, with V_INTR_MASKING, so that L2's IF, which is 0, does not
			 matter */
	TO_L2,	      /* not intercepted, so that L2 takes it by its IDT, which is L1's */
};

void set_route(struct l2 *l2, enum route route);

/* Installs the handler of this CPU's timer; removes it. */
void begin_ticks(struct l2 *l2);
void end_ticks(void);

/*
 * How the timer is armed. GIF stays 0 until VMRUN, so that the interrupt comes in L2 or makes it
 * exit.
 */
struct arming {
	u32 mode;
	u64 ns;	      /* wanted */
	u32 count;    /* the APIC timer's initial count */
	u64 deadline; /* in L1's TSC */
	u64 earliest; /* the deadline, if the host stopped the guest while it was being armed */
	struct host_time host;
};

/* Arms the timer; the caller has set mode and ns. GIF is clear afterwards. */
void arm_timer(struct arming *arming);
/* An upper bound of the APIC timer's frequency. */
u64 apic_hz_at_most(void);

/* How many interrupts L1 and L2 have had on this CPU; waits for so many. Both may call these. */
u32 ticks_so_far(void);
bool await_ticks(u32 wanted);
/* L2 calls these often while it waits, and the second one while it is migrated. */
void watch_ticks(void);
void watch_ticks_and_migration(void);

/*
 * Enters L2, and enters it again after each exit INTR, until it calls. Returns the number of those
 * exits.
 */
u32 run_to_call(struct l2 *l2);

/*
 * How far the APIC timer may have counted NS nanoseconds after it was armed. Also gives the ns for
 * which the host may have stopped the guest since then.
 */
u64 counts_at_most(const struct arming *arming, u64 ns, u64 *paused);
/* Checks: the first interrupt was not early; LEAST to MOST interrupts came, all by this route. */
void check_first(const struct arming *arming);
void check_places(enum route route, u32 exits, u32 least, u32 most);

#endif
