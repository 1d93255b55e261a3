// SPDX-License-Identifier: GPL-2.0-or-later
/* host/report/compare*.c: what got worse, better or slower between two runs, and what did not. */
#include <stdio.h>
#include <string.h>

#include "report/compare.h"

/* The argument of --kvm, for results that are added. */
static const char *parameters;
/* How slow the host of results that are added is. */
static double timescale = 1;

/* Adds a result of p/PLAN on HOST. TESTS is "NAME=VERDICT ...", or "". */
static void add(struct comparison *comparison, enum side side, const char *plan, const char *host,
		enum verdict verdict, const char *tests, double seconds)
{
	struct program program = { .name = (char *)"p" };
	struct test_case test_case = { .program = &program,
				       .plan_name = plan,
				       .name = (char *)"p" };
	struct environment environment = { .host = (char *)host,
					   .accel = (char *)"kvm",
					   .kvm = (char *)parameters,
					   .timescale = timescale };
	struct result *result = result_new(&test_case, &environment);
	g_auto(GStrv) words = g_strsplit(tests, " ", 0);

	for (char **word = words; *word; word++) {
		struct test_result *test = g_new0(struct test_result, 1);
		g_auto(GStrv) pair = g_strsplit(*word, "=", 2);

		test->name = g_strdup(pair[0]);
		test->verdict = g_strdup(pair[1]);
		test->reason = g_str_equal(pair[1], "pass") ? NULL : g_strdup("why");
		g_ptr_array_add(result->tests, test);
	}
	result->verdict = verdict;
	result->kind = verdict == VERDICT_ERROR ? KIND_VMM : KIND_NONE;
	if (verdict == VERDICT_ERROR)
		result_add_failure(result, KIND_VMM, "qemu died", NULL);
	result->reason = verdict == VERDICT_PASS ? NULL : g_strdup("case why");
	result->duration_ns = seconds * 1e9;
	comparison_add(comparison, side, result);
	result_free(result);
}

/* Returns the printed text, without its last newline, and frees COMPARISON. */
static char *told(struct comparison *comparison)
{
	char *text = NULL;
	size_t length;
	FILE *stream = open_memstream(&text, &length);

	comparison_print(comparison_decide(comparison), stream);
	fclose(stream);
	comparison_free(comparison);
	return g_strchomp(text);
}

struct row {
	enum verdict before;
	const char *tests_before;
	enum verdict after;
	const char *tests_after;
	const char *told;
};

#define COUNTS(worse, better, gone, same)                                                          \
	worse " worse, " better " better, 0 new, " gone " gone, 0 slower, " same " the same"

static const struct row rows[] = {
	{ VERDICT_PASS, "a=pass b=pass", VERDICT_PASS, "a=pass b=pass",
	  COUNTS("0", "0", "0", "2") },
	{ VERDICT_PASS, "a=pass b=pass", VERDICT_FAIL, "a=pass b=fail",
	  "worse:\n  p/none b: pass -> fail: why\n" COUNTS("1", "0", "0", "1") },
	{ VERDICT_FAIL, "a=fail", VERDICT_PASS, "a=pass",
	  "better:\n  p/none a: fail -> pass\n" COUNTS("0", "1", "0", "0") },
	{ VERDICT_PASS, "a=pass", VERDICT_XFAIL, "a=xfail",
	  "worse:\n  p/none a: pass -> xfail: why\n" COUNTS("1", "0", "0", "0") },
	{ VERDICT_XFAIL, "a=xfail", VERDICT_XFAIL, "a=xfail", COUNTS("0", "0", "0", "1") },
	{ VERDICT_XFAIL, "a=xfail", VERDICT_FAIL, "a=fail",
	  "worse:\n  p/none a: xfail -> fail: why\n" COUNTS("1", "0", "0", "0") },
	{ VERDICT_PASS, "a=pass", VERDICT_FLAKY, "a=pass",
	  "worse:\n  p/none: pass -> flaky: case why\n" COUNTS("1", "0", "0", "1") },
	{ VERDICT_PASS, "a=pass b=pass", VERDICT_PASS, "a=pass b=skip",
	  "worse:\n  p/none b: pass -> skip: why\n" COUNTS("1", "0", "0", "1") },
	/* No test of the case has ended now, and its earlier tests were not reached. */
	{ VERDICT_PASS, "a=pass", VERDICT_SKIP, "",
	  "worse:\n  p/none: pass -> skip: case why\ngone:\n  p/none: not reached, since the case "
	  "ended early (1 test)\n" COUNTS("1", "0", "1", "0") },
	{ VERDICT_PASS, "a=pass b=pass", VERDICT_ERROR, "a=pass",
	  "worse:\n  p/none: pass -> error: qemu died\ngone:\n  p/none: not reached, since the case "
	  "ended early (1 test)\n" COUNTS("1", "0", "1", "1") },
	{ VERDICT_PASS, "a=pass b=pass", VERDICT_PASS, "a=pass",
	  "gone:\n  p/none b: the case has no such test any more\n" COUNTS("0", "0", "1", "1") },
	/* Of rounds and CPUs the worst result counts, and a pass counts more than a skip. */
	{ VERDICT_PASS, "a=pass a=pass", VERDICT_PASS, "a=pass a=skip",
	  COUNTS("0", "0", "0", "1") },
	{ VERDICT_PASS, "a=pass a=pass", VERDICT_FAIL, "a=pass a=fail",
	  "worse:\n  p/none a: pass -> fail: why\n" COUNTS("1", "0", "0", "0") },
	{ VERDICT_FAIL, "a=fail", VERDICT_ERROR, "a=fail",
	  "worse:\n  p/none: pass -> error: qemu died\n" COUNTS("1", "0", "0", "1") },
};

static void test_rows(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct comparison *comparison = comparison_new();
		g_autofree char *text = NULL;

		add(comparison, BEFORE, "none", "local", rows[i].before, rows[i].tests_before, 1);
		add(comparison, AFTER, "none", "local", rows[i].after, rows[i].tests_after, 1);
		text = told(comparison);
		g_test_message("row %zu", i);
		g_assert_cmpstr(text, ==, rows[i].told);
	}
}

/* A skip on another kind of host is no regression; a failure is. */
static void test_hosts(void)
{
	struct comparison *comparison = comparison_new();
	g_autofree char *text = NULL;

	add(comparison, BEFORE, "none", "amd", VERDICT_PASS, "a=pass b=pass c=skip", 1);
	add(comparison, AFTER, "none", "local", VERDICT_FAIL, "a=skip b=fail c=pass", 1);
	text = told(comparison);
	g_assert_cmpstr(text, ==,
			"worse:\n  p/none b: pass -> fail: why\nnew:\n  p/none c: skip -> pass\n"
			"gone:\n  p/none a: pass -> skip: why\n"
			"1 worse, 0 better, 1 new, 1 gone, 0 slower, 0 the same");
}

/* KVM with other parameters is another KVM. */
static void test_parameters(void)
{
	struct comparison *comparison = comparison_new();
	g_autofree char *text = NULL;

	add(comparison, BEFORE, "none", "amd", VERDICT_PASS, "a=pass", 1);
	parameters = "npt=0";
	add(comparison, BEFORE, "none", "amd", VERDICT_PASS, "a=pass", 1);
	add(comparison, AFTER, "none", "amd", VERDICT_FAIL, "a=fail", 1);
	parameters = "vgif=0";
	add(comparison, AFTER, "none", "amd", VERDICT_PASS, "a=pass", 1);
	parameters = NULL;
	add(comparison, AFTER, "none", "amd", VERDICT_PASS, "a=pass", 1);
	text = told(comparison);
	g_assert_cmpstr(text, ==,
			"worse:\n  p/none a on amd with npt=0: pass -> fail: why\n"
			"new:\n  p/none on amd with vgif=0: pass (1 test)\n"
			"1 worse, 0 better, 1 new, 0 gone, 0 slower, 1 the same");
}

/* Plans share a line if the test changed alike under them. */
static void test_plans(void)
{
	static const char *const plans[] = { "none", "precopy", "storm" };
	struct comparison *comparison = comparison_new();
	g_autofree char *text = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(plans); i++) {
		add(comparison, BEFORE, plans[i], "amd", VERDICT_PASS, "a=pass", 1);
		add(comparison, AFTER, plans[i], "amd", VERDICT_FAIL, i ? "a=fail" : "a=pass", 1);
	}
	add(comparison, BEFORE, "reset", "amd", VERDICT_PASS, "a=pass b=pass", 1);
	add(comparison, AFTER, "pause", "amd", VERDICT_PASS, "a=pass", 1);
	text = told(comparison);
	g_assert_cmpstr(text, ==,
			"worse:\n  p/none on amd: pass -> fail: case why\n"
			"  p/{precopy,storm} a on amd: pass -> fail: why\n"
			"new:\n  p/pause on amd: pass (1 test)\n"
			"gone:\n  p/reset on amd: not run (2 tests)\n"
			"3 worse, 0 better, 1 new, 2 gone, 0 slower, 1 the same");
}

/* All cases take TIMES as long as before, except the last, which takes LAST times as long. */
static char *slowed_of(guint cases, double times, double last, guint runs)
{
	struct comparison *comparison = comparison_new();

	for (guint i = 10 - cases; i < 10; i++)
		for (guint run = 0; run < runs; run++) {
			g_autofree char *plan = g_strdup_printf("plan%u", i);

			add(comparison, BEFORE, plan, "amd", VERDICT_PASS, "", 10 + i + run);
			add(comparison, AFTER, plan, "amd", VERDICT_PASS, "",
			    (10 + i) * (i == 9 ? last : times) + 2 * run);
		}
	return told(comparison);
}

static char *slowed(double times, double last, guint runs)
{
	return slowed_of(10, times, last, runs);
}

static void test_slower(void)
{
	g_autofree char *few = slowed_of(2, 1, 5, 1), *few_repeated = slowed_of(2, 1, 5, 3);
	g_autofree char *one = slowed(1, 5, 1), *slow_host = slowed(5, 5, 1);
	g_autofree char *little = slowed(1, 3, 1), *repeated = slowed(1, 3, 3);
	g_autofree char *fast_host = slowed(0.1, 1, 1);

	g_assert_true(g_str_has_prefix(one, "slower:\n  p/plan9 on amd: 19.00 s -> 95.00 s\n"));
	g_assert_null(strstr(slow_host, "slower:"));
	g_assert_null(strstr(little, "slower:"));
	g_assert_true(
		g_str_has_prefix(repeated, "slower:\n  p/plan9 on amd: 19.00 s -> 57.00 s\n"));
	g_assert_null(strstr(few, "slower:"));
	g_assert_nonnull(strstr(few_repeated, "slower:"));
	g_assert_null(strstr(fast_host, "slower:"));
}

/* Too few cases to tell how slow the host was: its measured speeds tell, and not one alone. */
static void test_timescales(void)
{
	static const double timescales[] = { 5, 5, 1 };
	struct comparison *comparison = comparison_new();
	g_autofree char *text = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(timescales) * 3; i++) {
		g_autofree char *plan = g_strdup_printf("plan%zu", i / 3);

		add(comparison, BEFORE, plan, "amd", VERDICT_PASS, "", 10);
		timescale = timescales[i / 3];
		add(comparison, AFTER, plan, "amd", VERDICT_PASS, "", 10 * timescale);
		timescale = 1;
	}
	text = told(comparison);
	g_assert_cmpstr(text, ==, COUNTS("0", "0", "0", "3"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/compare/rows", test_rows);
	g_test_add_func("/compare/hosts", test_hosts);
	g_test_add_func("/compare/parameters", test_parameters);
	g_test_add_func("/compare/plans", test_plans);
	g_test_add_func("/compare/slower", test_slower);
	g_test_add_func("/compare/timescales", test_timescales);
	return g_test_run();
}
