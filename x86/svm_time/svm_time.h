/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program svm_time need of each other. */
#ifndef SVM_TIME_H
#define SVM_TIME_H

#include "console.h"
#include "nested/svm/svm.h"
#include "percpu.h"
#include "x86/nested/time.h"

/* How late anything may be, on a host of full speed. */
#define PATIENCE_MS 5000

/* How long a test waits for an interrupt that must not come again. */
#define LINGER_US 2000

/* ---- L1's APIC timer (ticks.c) ---- */

#define TIMER_VECTOR  0x41
#define RESCUE_VECTOR 0x42

/* The timer's interrupts on one CPU. The stack that each interrupted tells where it came. */
struct ticks {
	const struct l2 *l2;
	u32 in_l1, in_l2;
	/* Came though nobody may have sent them: interrupts were off, or not in service. */
	u32 uncalled;
	u64 first_tsc; /* L1's TSC at the first */
	bool once;     /* not periodic: the handler stops it */
	bool keep;     /* but not this one */
	bool rescued;

	/* Since the arming, by the time source; and when the first had been seen. */
	struct stopwatch watch;
	u64 seen_ns;
	u64 patience_ms; /* for those that this CPU waits for */
};

DECLARE_PER_CPU(struct ticks, timer_ticks);

/* Who gets a physical interrupt while L2 runs. */
enum route {
	TO_L1,	      /* intercepted */
	TO_L1_ALWAYS, /* intercepted, V_INTR_MASKING: whatever L2's IF, which is 0 */
	TO_L2,	      /* not intercepted: through L2's IDT, which is L1's */
};

void set_route(struct l2 *l2, enum route route);

/* Installs the handler for this CPU's interrupts of the timer; takes it away, with a check. */
void begin_ticks(struct l2 *l2);
void end_ticks(void);

/* How the timer is armed. GIF stays 0 until VMRUN, so that it can only come to L2's time. */
struct arming {
	u32 mode;
	u64 ns;	      /* meant */
	u32 count;    /* of the APIC's timer */
	u64 deadline; /* L1's TSC */
	u64 earliest; /* the same, if the host was held up while it was armed */
	struct host_time host;
};

/* With mode and ns set. */
void arm_timer(struct arming *arming);
/* No less than the timer's frequency. */
u64 apic_hz_at_most(void);

/* This CPU's, in L1 and L2. */
u32 ticks_so_far(void);
bool await_ticks(u32 wanted);
/* To be called in L2 now and then, and while it is migrated. */
void watch_ticks(void);
void watch_ticks_and_move(void);

/* L2 up to its call, entered again after each INTR; gives how many of these there were. */
u32 run_to_call(struct l2 *l2);

/* Whether so many nanoseconds are enough for so many counts; PAUSED: see arm_timer(). */
bool not_early(const struct arming *arming, u64 ns, u64 counts, u64 *paused);
/* Checks: the first interrupt was not early; LEAST to MOST interrupts came, all by this route. */
void check_first(const struct arming *arming);
void check_places(enum route route, u32 exits, u32 least, u32 most);

#endif
