/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `ferry run --budget`: the cases that are worth most in a given time, by the matrix of the corpus.
 */
#ifndef FERRY_HOST_RUN_BUDGET_H
#define FERRY_HOST_RUN_BUDGET_H

#include "run/matrix.h"
#include "suite/test-case.h"

struct budget {
	double seconds;		     /* CPU seconds for cases, without the boots of labs */
	double longest;		     /* seconds that one case may take */
	unsigned slots;		     /* CPUs; a guest with more vCPUs than that runs alone */
	const struct matrix *matrix; /* what cases are worth; may hold no line */
	/* Seconds that a case will take. */
	double (*expected)(void *data, const struct test_case *test_case);
	void *data; /* for `expected` */
};

struct budget_outcome {
	guint kept;    /* cases that will run */
	double needed; /* CPU seconds that they will take */
	gboolean over; /* one case of each program is more than the budget holds */
};

/*
 * Removes from CASES (of struct test_case) those for which there is no time. Each program keeps its
 * shortest case, whatever the budget. Then come the cases that notice most new patches in a second,
 * then the shortest of those that were never measured, then the shortest of the rest. Cases that
 * will be skipped take no time and stay.
 */
struct budget_outcome budget_apply(GPtrArray *cases, const struct budget *budget);

#endif
