/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One verdict for each test of a case. A test ends on each CPU and in each round, but dashboards
 * track one verdict by the test's name.
 */
#ifndef FERRY_HOST_REPORT_TEST_VERDICTS_H
#define FERRY_HOST_REPORT_TEST_VERDICTS_H

#include "report/result.h"

struct test_verdict {
	const char *name;
	/* "fail" if it failed once, else "xfail" if that happened, else "pass", else "skip". */
	const char *verdict;
	const char *reason; /* of the first end with this verdict, or NULL */
	gint64 duration_ns; /* of all its ends together */
};

/* The tests in the order in which they first ended. The array's strings belong to RESULT. */
GArray *test_verdicts(const struct result *result);

/*
 * Whether the case is red for another reason than a test that failed: the VMM died, a check of the
 * runner failed, it was flaky.
 */
gboolean red_beyond_tests(const struct result *result);

#endif
