// SPDX-License-Identifier: GPL-2.0-or-later
/* Decides after some of several runs, and tells how sure that is. See repeat-verdict.h. */
#include "run/repeat-verdict.h"

/* What is seen less often than this is taken for impossible. */
#define DOUBT 0.05

enum answer repeat_answer(const struct repeat *repeat)
{
	guint done = repeat->passed + repeat->failed + repeat->unclear;
	guint left = repeat->runs > done ? repeat->runs - done : 0;

	if (repeat->failed >= repeat->bad_if)
		return ANSWER_BAD;
	if (repeat->failed + repeat->unclear + left < repeat->bad_if)
		return ANSWER_GOOD;
	if (repeat->failed + left < repeat->bad_if)
		return ANSWER_UNCLEAR;
	return ANSWER_OPEN;
}

/* How likely it is that at most FAILED of RUNS fail, if each does with probability RATE. */
static double at_most(guint failed, guint runs, double rate)
{
	double term = 1, sum = 0;

	for (guint i = 0; i < runs; i++)
		term *= 1 - rate;
	for (guint i = 0; i <= failed; i++) {
		sum += term;
		term *= (double)(runs - i) / (i + 1) * (rate / (1 - rate));
	}
	return sum;
}

/*
 * The rate at which at most FAILED of RUNS fail with this PROBABILITY. The higher the rate, the
 * lower the probability.
 */
static double rate_for(guint failed, guint runs, double probability)
{
	double low = 0, high = 1;

	for (int i = 0; i < 50; i++) {
		double middle = (low + high) / 2;

		if (at_most(failed, runs, middle) > probability)
			low = middle;
		else
			high = middle;
	}
	return low;
}

double repeat_highest_rate(const struct repeat *repeat)
{
	guint runs = repeat->passed + repeat->failed;

	return repeat->passed ? rate_for(repeat->failed, runs, DOUBT) : 1;
}

double repeat_lowest_rate(const struct repeat *repeat)
{
	guint runs = repeat->passed + repeat->failed;

	return repeat->failed ? rate_for(repeat->failed - 1, runs, 1 - DOUBT) : 0;
}

char *repeat_certainty(const struct repeat *repeat)
{
	double highest = repeat_highest_rate(repeat) * 100;

	switch (repeat_answer(repeat)) {
	case ANSWER_GOOD:
		return g_strdup_printf(
			"how sure: a bug that fails %.2g %% of runs or more would have shown more often in 19 of 20 bisections; a rarer one may be here (a larger --repeat finds it)",
			highest);
	case ANSWER_BAD:
		if (repeat->bad_if == 1)
			return g_strdup(
				"how sure: one failure is enough, so this is certain if good commits never fail");
		return g_strdup_printf(
			"how sure: a commit whose runs fail less often than %.2g %% would have failed so often in only 1 of 20 bisections",
			repeat_lowest_rate(repeat) * 100);
	default:
		return g_strdup("how sure: not at all, for too many runs tell nothing");
	}
}
