/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compares the results of two runs, test by test: what got worse, what got better, what is new or
 * gone, and what became slower. What fails beside tests, such as a guest's bad end, is compared
 * case by case. Repeats, rounds and CPUs of one test are one: it is as good as the worst of them.
 * Runs with different parameters of KVM are different.
 */
#ifndef FERRY_HOST_REPORT_COMPARE_H
#define FERRY_HOST_REPORT_COMPARE_H

#include <stdio.h>

#include "report/result.h"

enum side { BEFORE, AFTER, SIDES };

/* How a test, or a case where there is no test, stands in one of the runs. */
enum standing {
	STANDS_NOT, /* it is not there */
	STANDS_SKIP,
	STANDS_PASS,
	STANDS_XFAIL,
	STANDS_FLAKY,
	STANDS_FAIL,
	STANDS_ERROR,
};

enum change { CHANGE_WORSE, CHANGE_BETTER, CHANGE_NEW, CHANGE_GONE, CHANGE_SLOWER, CHANGE_NONE };

/* How an item stands in one run. */
struct stand {
	enum standing standing;
	gboolean sometimes; /* a known issue that does not show each time has failed it */
	char *reason;	    /* why it did not pass; or NULL */
	const char *host;   /* interned: "local, kvm" or "amd, kvm" */
	gint64 fastest_ns;  /* of its repeats; 0: not measured */
	guint runs;	    /* how often it was measured */
	double timescale;   /* how slow the host is */
};

/* A test of a case; or what a case did beside its tests. */
struct compared {
	const char *program, *plan, *test; /* interned; TEST is NULL for the case itself */
	const char *kvm; /* interned: the parameters that were asked for (--kvm), or NULL */
	const struct compared *whole; /* its case; for a case, itself */
	gboolean early[SIDES];	      /* for a case: it ended before all of its tests had */
	guint tests[SIDES];	      /* for a case: how many tests it has */
	struct stand stands[SIDES];
	enum change change;
};

/* "pass", "fail", ... */
const char *standing_name(enum standing standing);

/* Whether ITEM is told. A case is not told if its tests tell all that happened in it. */
gboolean comparison_counts(const struct compared *item);

struct comparison;

struct comparison *comparison_new(void);
void comparison_free(struct comparison *comparison);

/* Adds a result of one of the runs. */
void comparison_add(struct comparison *comparison, enum side side, const struct result *result);

/*
 * Decides on each item's change. Returns the items, struct compared, which live as long as
 * COMPARISON: the cases and tests in the order in which they were added. To be called once.
 */
const GPtrArray *comparison_decide(struct comparison *comparison);

/*
 * What was decided, for people: a line for each test, grouped, and the counts. Returns how many
 * got worse.
 */
guint comparison_print(const GPtrArray *items, FILE *stream);

/* Sets CHANGE_SLOWER where ITEMS that changed in nothing else take longer beyond noise. */
void find_slower(const GPtrArray *items);

#endif
