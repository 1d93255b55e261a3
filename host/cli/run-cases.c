// SPDX-License-Identifier: GPL-2.0-or-later
/* Which cases a command line means. See run-cases.h. */
#include <stdio.h>

#include "cli/run-cases.h"
#include "cli/watch-options.h"
#include "run/budget.h"
#include "run/quick.h"
#include "util/paths.h"
#include "util/text.h"

/*
 * This part of the time on all CPUs is for cases. The rest is for the end of the run, when one CPU
 * has nothing left to do, and for cases that take longer than usual.
 */
#define SHARE_FOR_CASES 0.9

char **expand_quick(char **patterns, char **plans, const struct suite *suite, GError **error)
{
	g_autofree char *path = source_path("corpus/quick");

	if (suite->kvm_unit_tests || !patterns ||
	    !g_strv_contains((const char *const *)patterns, QUICK))
		return g_strdupv(patterns);
	if (!plans)
		return quick_expand(patterns, suite, path, error);
	g_set_error(error, FERRY_ERROR, 0,
		    "'quick' names cases, each with its plan; leave out --plan or name programs");
	return NULL;
}

char **run_patterns(const struct run_options *options, const struct suite *suite, GError **error)
{
	char *quick[] = { (char *)QUICK, NULL };
	gboolean chosen = options->patterns || options->chosen || suite->kvm_unit_tests;

	return expand_quick(chosen ? options->patterns : quick, options->plans, suite, error);
}

static double expected(void *data, const struct test_case *test_case)
{
	return expected_seconds(data, test_case, NULL);
}

/* Seconds that the labs of CASES take to boot, on all CPUs together. */
static double boot_seconds(GPtrArray *cases, struct durations *durations, unsigned slots)
{
	double seconds = 0;

	for (const struct lab_kind *kind = lab_kinds; kind->name; kind++)
		for (guint i = 0; i < cases->len; i++) {
			const struct test_case *test_case = cases->pdata[i];

			if (g_str_equal(test_case->host, kind->name)) {
				seconds += expected_boot_seconds(durations, kind->name) * slots;
				break;
			}
		}
	return seconds;
}

gboolean keep_to_budget(GPtrArray *cases, const struct run_options *options,
			struct durations *durations, GError **error)
{
	double seconds = options->budget * 60.0, all = seconds * options->jobs;
	struct budget budget = {
		.longest = seconds,
		.slots = options->jobs,
		.expected = expected,
		.data = durations,
	};
	g_autofree char *path = source_path("corpus/matrix");
	struct budget_outcome outcome;
	struct matrix *matrix;
	guint found = cases->len;

	if (!options->budget)
		return TRUE;
	matrix = matrix_read_or_new(path, error);
	if (!matrix)
		return FALSE;
	budget.matrix = matrix;
	budget.seconds = (all - boot_seconds(cases, durations, options->jobs)) * SHARE_FOR_CASES;
	outcome = budget_apply(cases, &budget);
	matrix_free(matrix);
	if (outcome.over)
		fprintf(stderr,
			"ferry: --budget: %d min are too short for one case of each program, which is the least; expect %.0f min\n",
			options->budget,
			(outcome.needed / SHARE_FOR_CASES +
			 boot_seconds(cases, durations, options->jobs)) /
				options->jobs / 60);
	else
		fprintf(stderr, "ferry: --budget: %u of %u cases in %d min\n", outcome.kept, found,
			options->budget);
	return TRUE;
}
