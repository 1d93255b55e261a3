/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Time while a nested guest runs: what svm_time and vmx_time share. x86/nested/time*.c have the
 * tests that are the same for both. This header has what they need from the program and from each
 * other.
 */
#ifndef L2_TIME_H
#define L2_TIME_H

#include "nested/l2.h"
#include "test.h"

#define NS_PER_MS     1000000ul
#define NS_PER_SECOND 1000000000ul

/* The call of an L2 that has come to where its test wants it. */
#define HERE 1

/* An offset that no test can reach: 2^50 cycles are days. */
#define FAR_AWAY (1ul << 50)
#define AHEAD	 (5ul << 50)
#define BEHIND	 (-(7ul << 50))

/* ---- of the program ---- */

/* Gives L2 nested paging. False: this CPU has none. */
bool use_nested_paging(struct l2 *l2);
/*
 * In L2: a call with this number in RAX and a question in RBX. Gives the answer, which L1 left in
 * RBX.
 */
u64 ask_l1(u64 number, u64 question);
/* ---- being migrated (time.c) ---- */

/*
 * Asks for a migration and waits for it. MEANWHILE is called again and again; it must take
 * microseconds.
 */
void be_migrated_with(void (*meanwhile)(void));
void be_migrated(void);
/* A look at a stopwatch more often than this would slow down the migration. */
#define TURNS_PER_LOOK 64
/* Looks at a stopwatch now and then; a MEANWHILE has to call it. */
void watch_migration(void);
/* How long the last migration took by the time source, so that timers can be set by it. */
u64 last_migration_ns(void);

/* ---- L2's TSC (time.c) ---- */

struct look {
	u64 rdtsc, rdtscp;
};

/* Reads the TSC, from L1 or L2. */
struct look look_at_tsc(void);

/* One stay in L2, as L1 and L2 see it. */
struct stay {
	bool move;
	u64 offset;
	u64 before, after;	 /* L1's TSC */
	struct look first, last; /* L2's TSC, with a migration between the two if one is wanted */
};

/*
 * L2's code. STAY is a struct stay. It looks at the TSC, is migrated, looks again, and calls; for
 * ever.
 */
void look_twice(void *stay);
/* Enters L2 with the stay's offset. False: it has not come to its call. */
bool visit(struct l2 *l2, struct stay *stay);
/* Checks of one look (silent if it is good), and of both looks and L1's own TSC. */
bool check_look(const struct stay *stay, const struct look *look, const char *when);
void check_stay(const struct stay *stay, const char *when);

#endif
