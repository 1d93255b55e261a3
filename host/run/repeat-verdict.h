/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `ferry bisect --repeat N --bad-if K`: is a commit good or bad, if at least K of N runs must fail
 * for it to be bad? The answer is told as soon as no further run can change it.
 */
#ifndef FERRY_HOST_RUN_REPEAT_VERDICT_H
#define FERRY_HOST_RUN_REPEAT_VERDICT_H

#include <glib.h>

struct repeat {
	guint runs;   /* N, 1 or more */
	guint bad_if; /* K, from 1 to N */
	guint passed, failed;
	guint unclear; /* runs that tell nothing of the commit, e.g. because they skipped */
};

enum answer {
	ANSWER_OPEN, /* further runs may decide */
	ANSWER_GOOD,
	ANSWER_BAD,
	ANSWER_UNCLEAR, /* so many runs are unclear that no further ones can decide */
};

enum answer repeat_answer(const struct repeat *repeat);

/*
 * Bounds for the rate at which runs fail, from 0 to 1 (Clopper and Pearson). If the true rate were
 * beyond a bound, what was seen would happen in at most 1 of 20 times.
 */
double repeat_highest_rate(const struct repeat *repeat);
double repeat_lowest_rate(const struct repeat *repeat);

/* A sentence that says how sure the answer is. The caller frees it. */
char *repeat_certainty(const struct repeat *repeat);

#endif
