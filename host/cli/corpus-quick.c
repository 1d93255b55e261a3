// SPDX-License-Identifier: GPL-2.0-or-later
/* `ferry corpus quick`: computes the quick set from the matrix. See run/quick.h. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/corpus-bug.h"
#include "cli/corpus-matrix.h"
#include "cli/matrix-tasks.h"
#include "run/durations.h"
#include "run/quick.h"

/*
 * Cases get this part of the time on all CPUs. The rest is lost while the labs boot, and at the end
 * of the run, when some CPUs have nothing left to do.
 */
#define PERCENT_FOR_CASES 80

static void tell(const struct quick_set *set, const struct quick_options *options)
{
	guint percent = set->total ? set->caught * 100 / set->total : 0;

	printf("%u cases, %.0f s of cases, about %.0f min on %d CPUs; they notice %u of %u patches that any case notices (%u %%)\n",
	       set->cases->len, set->seconds,
	       set->seconds * 100 / PERCENT_FOR_CASES / options->jobs / 60, options->jobs,
	       set->caught, set->total, percent);
	if (set->caught < set->wanted)
		printf("%d minutes are too short for %d %%; --minutes gives more\n",
		       options->minutes, options->percent);
}

/* ---- what was not measured ---- */

static gboolean was_measured(const struct matrix *matrix, const struct bug *bug)
{
	for (guint i = 0; i < matrix->lines->len; i++) {
		const struct matrix_line *line = matrix->lines->pdata[i];

		if (g_str_equal(line->patch, bug->name))
			return TRUE;
	}
	return FALSE;
}

static void add_line(struct matrix *matrix, const char *patch, const struct test_case *test_case,
		     enum matrix_verdict verdict, double seconds)
{
	matrix_set(matrix, &(struct matrix_line){
				   .patch = (char *)patch,
				   .case_name = test_case->name,
				   .verdict = verdict,
				   .seconds = seconds,
				   .hash = (char *)"-",
			   });
}

/* Is there a variant NAME_up? It runs the same tests, and takes less time. */
static gboolean has_light_variant(GPtrArray *cases, const struct test_case *test_case)
{
	g_autofree char *light = g_strconcat(test_case->program->name, ONE_VCPU, NULL);

	for (guint i = 0; i < cases->len; i++)
		if (g_str_equal(((struct test_case *)cases->pdata[i])->program->name, light))
			return TRUE;
	return FALSE;
}

/*
 * Assumes that each case that the patch's head names notices the patch. Only the matrix in memory
 * says so, and that is never written to the file.
 */
static void add_head(struct matrix *matrix, const struct bug *bug, GPtrArray *cases)
{
	for (guint i = 0; i < cases->len; i++)
		if (matrix_is_named(bug, cases->pdata[i]) &&
		    !has_light_variant(cases, cases->pdata[i]))
			add_line(matrix, bug->name, cases->pdata[i], MATRIX_FAIL, 0);
}

/* Does so for each patch that was not measured. Returns how many these are. */
static guint add_heads(struct matrix *matrix, GPtrArray *bugs, GPtrArray *cases)
{
	g_autoptr(GPtrArray) unmeasured = g_ptr_array_new();

	for (guint i = 0; i < bugs->len; i++)
		if (!was_measured(matrix, bugs->pdata[i]))
			g_ptr_array_add(unmeasured, bugs->pdata[i]);
	for (guint i = 0; i < unmeasured->len; i++)
		add_head(matrix, unmeasured->pdata[i], cases);
	return unmeasured->len;
}

static gboolean is_named_by_any(GPtrArray *bugs, const struct test_case *test_case)
{
	for (guint i = 0; i < bugs->len; i++)
		if (matrix_is_named(bugs->pdata[i], test_case))
			return TRUE;
	return FALSE;
}

/*
 * The quick set may have only cases with a time on unpatched KVM. So each case that a head names
 * gets its expected time, if none was measured. Each case of plan `none` does, too: it is the
 * shortest of its program, so the set can have a case of each program.
 */
static void add_expected_times(struct matrix *matrix, GPtrArray *bugs, GPtrArray *cases,
			       struct corpus *corpus)
{
	struct durations *durations = durations_open(corpus->settings.environment, &corpus->wanted);

	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];

		if (!test_case->skip_reason &&
		    (g_str_equal(test_case->plan_name, "none") ||
		     is_named_by_any(bugs, test_case)) &&
		    !matrix_find(matrix, MATRIX_UNPATCHED, test_case->name))
			add_line(matrix, MATRIX_UNPATCHED, test_case, MATRIX_PASS,
				 expected_seconds(durations, test_case, NULL));
	}
	durations_close(durations);
}

static gboolean fill_up(struct matrix *matrix, GPtrArray *bugs, struct corpus *corpus,
			GError **error)
{
	g_autoptr(GPtrArray) cases = corpus_select(corpus, NULL, NULL, NULL, error);
	guint unmeasured;

	if (!cases)
		return FALSE;
	unmeasured = add_heads(matrix, bugs, cases);
	add_expected_times(matrix, bugs, cases, corpus);
	printf("%u of %u patches were not measured; the cases in their heads are taken to notice them\n",
	       unmeasured, bugs->len);
	return TRUE;
}

static struct matrix *read_filled_up(struct corpus *corpus, GPtrArray *bugs,
				     const struct quick_options *options, GError **error)
{
	gboolean none = options->heads && !g_file_test(options->matrix_path, G_FILE_TEST_EXISTS);
	struct matrix *matrix = none ? matrix_new() : matrix_read(options->matrix_path, error);

	if (matrix && options->heads && !fill_up(matrix, bugs, corpus, error))
		g_clear_pointer(&matrix, matrix_free);
	return matrix;
}

int corpus_quick(struct corpus *corpus, GPtrArray *bugs, const struct quick_options *options)
{
	const struct quick_limits limits = {
		.percent = options->percent,
		.seconds = options->minutes * 60.0 * options->jobs * PERCENT_FOR_CASES / 100,
	};
	g_autoptr(GError) error = NULL;
	struct matrix *matrix = read_filled_up(corpus, bugs, options, &error);
	struct quick_set set;
	int status = EXIT_ALL_PASSED;

	if (!matrix && !g_file_test(options->matrix_path, G_FILE_TEST_EXISTS))
		return usage_error("%s; 'ferry corpus matrix' measures", error->message);
	if (!matrix)
		return usage_error("%s", error->message);
	set = quick_choose(matrix, &limits);
	if (!set.cases->len)
		status = usage_error("%s: no case was measured on unpatched KVM",
				     options->matrix_path);
	else if (!quick_write(&set, matrix, options->path, &error))
		status = usage_error("%s", error->message);
	else
		tell(&set, options);
	if (status == EXIT_ALL_PASSED && set.caught < set.wanted)
		status = EXIT_SOME_FAILED;
	quick_set_clear(&set);
	matrix_free(matrix);
	return status;
}
