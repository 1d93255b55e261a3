/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time while a nested guest is in flight: what is the same on SVM (svm_time.c) and VMX
 * (vmx_time.c) is in l2-time*.c, and what these need of the program and of each other is here.
 */
#ifndef L2_TIME_H
#define L2_TIME_H

#include "nested/l2.h"
#include "test.h"

#define NS_PER_MS     1000000ul
#define NS_PER_SECOND 1000000000ul

/* The first call of an L2 that has come to where its test wants it. */
#define HERE 1

/* No test takes as long: 2^50 cycles are days. */
#define FAR_AWAY (1ul << 50)
#define AHEAD	 (5ul << 50)
#define BEHIND	 (-(7ul << 50))

/* ---- of the program ---- */

/* False if there are none. */
bool use_nested_paging(struct l2 *l2);
/* In L2: a call with this number in RAX and a question in RBX; gives the answer there. */
u64 ask_l1(u64 number, u64 question);
/* ---- being moved (l2-time.c) ---- */

/* Whoever moves the machine is asked to; what is called meanwhile takes microseconds. */
void be_moved_with(void (*meanwhile)(void));
void be_moved(void);
/* More often than so a look at a stopwatch is in the way of the move. */
#define TURNS_PER_LOOK 64
/* To be called while moved: the stopwatch must be looked at. */
void watch_move(void);
/* What a move took the last time, by the time source, so that timers can be set by it. */
u64 last_move_ns(void);

/* ---- L2's TSC (l2-time.c) ---- */

/* Counters wrap: only distances mean anything. */
bool in_order(u64 first, u64 second);

struct look {
	u64 rdtsc, rdtscp;
};

/* From L1 or L2. */
struct look look_at_tsc(void);

/* One stay in L2, from L1's side and L2's. */
struct stay {
	bool move;
	u64 offset;
	u64 before, after;	 /* L1's TSC */
	struct look first, last; /* L2's; in between it is moved if it is to be */
};

/* An L2's function, its data being a stay: looks, is moved, looks, calls; for ever. */
void look_twice(void *stay);
/* Enters L2 with the stay's offset, up to its call. False: that is not where it came to. */
bool visit(struct l2 *l2, struct stay *stay);
/* Checks: of one look, quiet if it is good; of both, and of L1's TSC. */
bool check_look(const struct stay *stay, const struct look *look, const char *when);
void check_stay(const struct stay *stay, const char *when);

#endif
