/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many cases and tests of a run had which verdict, and the line that says so. A known failure
 * is counted as such: it is neither a pass nor a skip.
 */
#ifndef FERRY_HOST_REPORT_COUNTS_H
#define FERRY_HOST_REPORT_COUNTS_H

#include "report/result.h"

/* A test is counted each time that it ended: on each CPU and in each round. */
struct test_counts {
	guint passed, failed, known, skipped;
};

struct counts {
	guint cases[VERDICT_COUNT]; /* by enum verdict */
	struct test_counts tests;
};

void counts_add(struct counts *counts, const struct result *result);

/* The tests of one case. */
struct test_counts count_tests(const struct result *result);

/* Cases whose verdict is red: they failed, were errors, or were flaky. */
guint counts_red(const struct counts *counts);

/*
 * "41 cases: 38 passed, 3 as known; 1530 tests: 1519 passed, 6 failed as known, 5 skipped". NOT_RUN
 * cases have no verdict. Parts that are 0 are left out, except what passed. The second half is left
 * out if no test has ended. docs/results.md lists the parts. The caller frees it.
 */
char *counts_text(const struct counts *counts, guint not_run);

#endif
