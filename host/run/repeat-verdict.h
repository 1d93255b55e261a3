/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `ferry bisect --repeat N --bad-if K`: is a commit good or bad, if at least K of N runs must fail
 * for it to be bad? Tells as soon as nothing can change the answer.
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
 * The bounds of how often a run fails, from 0 to 1, that are compatible with what was seen: outside
 * of each bound, one would see as much or more only once in 20 times (Clopper and Pearson).
 */
double repeat_highest_rate(const struct repeat *repeat);
double repeat_lowest_rate(const struct repeat *repeat);

/* A sentence that says how sure the answer is. The caller frees it. */
char *repeat_certainty(const struct repeat *repeat);

#endif
