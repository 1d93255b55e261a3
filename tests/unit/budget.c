// SPDX-License-Identifier: GPL-2.0-or-later
/* host/run/budget.c: which cases run in a given time. */
#include <glib/gstdio.h>
#include <string.h>

#include "run/budget.h"

/* A case for the table below; an array of them ends with one without a program. */
struct row {
	const char *program, *plan;
	double seconds;
	unsigned smp;	  /* 0: 1 */
	const char *host; /* NULL: "local" */
	const char *skip_reason;
};

static void free_case(struct test_case *test_case)
{
	g_free((char *)test_case->program->name);
	g_free((struct program *)test_case->program);
	g_free(test_case);
}

/* Replaces durations.h; the seed of a case holds its seconds. */
static double expected(void *data, const struct test_case *test_case)
{
	return test_case->seed / 1000.0;
}

static GPtrArray *make_cases(const struct row *rows)
{
	GPtrArray *cases = g_ptr_array_new_with_free_func((GDestroyNotify)free_case);

	for (const struct row *row = rows; row->program; row++) {
		struct test_case *test_case = g_new0(struct test_case, 1);
		struct program *program = g_new0(struct program, 1);

		program->name = g_strdup(row->program);
		program->smp = MAX(row->smp, 1);
		test_case->program = program;
		test_case->plan_name = row->plan;
		test_case->host = row->host ?: "local";
		test_case->skip_reason = (char *)row->skip_reason;
		test_case->seed = row->seconds * 1000;
		g_ptr_array_add(cases, test_case);
	}
	return cases;
}

static struct matrix *matrix_of(const char *text)
{
	g_autofree char *path = NULL;
	int fd = g_file_open_tmp("unit-budget-XXXXXX", &path, NULL);
	struct matrix *matrix;

	g_close(fd, NULL);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	matrix = matrix_read(path, NULL);
	g_assert_nonnull(matrix);
	g_unlink(path);
	return matrix;
}

/* "a/none b/none, 12 s", with ", over" if the budget is too small. */
static char *chosen(const struct row *rows, const char *text, double seconds, unsigned slots)
{
	g_autoptr(GPtrArray) cases = make_cases(rows);
	struct matrix *matrix = matrix_of(text);
	struct budget budget = {
		.seconds = seconds,
		.longest = seconds,
		.slots = slots,
		.matrix = matrix,
		.expected = expected,
	};
	struct budget_outcome outcome = budget_apply(cases, &budget);
	GString *told = g_string_new(NULL);

	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];

		g_string_append_printf(told, "%s%s/%s", i ? " " : "", test_case->program->name,
				       test_case->plan_name);
	}
	g_string_append_printf(told, ", %g s%s", outcome.needed, outcome.over ? ", over" : "");
	matrix_free(matrix);
	return g_string_free(told, FALSE);
}

#define PASSES(name)	     "unpatched " name " pass 1 h -\n"
#define CATCHES(name, patch) patch " " name " fail 1 h t\n"

static void test_order(void)
{
	static const struct row rows[] = {
		{ "a", "none", 2 },  { "a", "precopy", 4 },
		{ "a", "storm", 3 }, { "a_up", "none", 1 },
		{ "b", "none", 5 },  { "b", "precopy", 1 },
		{ "b", "reset", 9 }, { 0 },
	};
	static const char *const matrix = PASSES("a/none") PASSES("a/precopy") PASSES("a_up/none")
		PASSES("b/none") PASSES("b/precopy") CATCHES("a/precopy", "p")
			CATCHES("a/precopy", "q") CATCHES("b/none", "p") CATCHES("b/none", "r");
	static const struct {
		double seconds;
		const char *told;
	} expected_at[] = {
		/* One of each program; a_up counts as a. */
		{ 2, "a_up/none b/precopy, 2 s" },
		/* a/precopy notices 2 in 4 s, b/none 2 in 5 s; after that b/none adds only r. */
		{ 6, "a/precopy a_up/none b/precopy, 6 s" },
		{ 11, "a/precopy a_up/none b/none b/precopy, 11 s" },
		/* Cases that nobody has measured come before those that notice nothing new. */
		{ 14, "a/precopy a/storm a_up/none b/none b/precopy, 14 s" },
		{ 16, "a/none a/precopy a/storm a_up/none b/none b/precopy, 16 s" },
		{ 100, "a/none a/precopy a/storm a_up/none b/none b/precopy b/reset, 25 s" },
		/* Too short for one of each. */
		{ 1, "a_up/none b/precopy, 2 s, over" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(expected_at); i++) {
		g_autofree char *told = chosen(rows, matrix, expected_at[i].seconds, 1);

		g_assert_cmpstr(told, ==, expected_at[i].told);
	}
}

/* A guest takes as many CPUs as it has vCPUs, but a lab takes one. */
static void test_cpus(void)
{
	static const struct row rows[] = {
		{ "a", "none", 3, 2 },
		{ "b", "none", 3, 2, "amd" },
		{ "c", "none", 3, 8 },
		{ 0 },
	};
	g_autofree char *told = chosen(rows, "", 100, 2);

	g_assert_cmpstr(told, ==, "a/none b/none c/none, 15 s");
}

/* A skip takes no time, and its program does not count as run. */
static void test_skips(void)
{
	static const struct row rows[] = {
		{ "a", "none", 50, 1, NULL, "needs what is not here" },
		{ "a", "precopy", 3 },
		{ "b", "none", 50, 1, NULL, "needs what is not here" },
		{ 0 },
	};
	g_autofree char *told = chosen(rows, "", 3, 1);

	g_assert_cmpstr(told, ==, "a/none a/precopy b/none, 3 s");
}

/* A case that takes longer than the whole budget does not run, however many CPUs there are. */
static void test_longest(void)
{
	static const struct row rows[] = {
		{ "a", "none", 1, 1, "amd" },
		{ "a", "storm", 5, 1, "amd" },
		{ 0 },
	};
	g_autoptr(GPtrArray) cases = make_cases(rows);
	struct matrix *matrix = matrix_new();
	struct budget budget = {
		.seconds = 8, .longest = 4, .slots = 2, .matrix = matrix, .expected = expected
	};
	struct budget_outcome outcome = budget_apply(cases, &budget);

	g_assert_cmpuint(outcome.kept, ==, 1);
	g_assert_cmpuint(cases->len, ==, 1);
	matrix_free(matrix);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/budget/order", test_order);
	g_test_add_func("/budget/cpus", test_cpus);
	g_test_add_func("/budget/skips", test_skips);
	g_test_add_func("/budget/longest", test_longest);
	return g_test_run();
}
