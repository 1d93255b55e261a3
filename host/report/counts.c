// SPDX-License-Identifier: GPL-2.0-or-later
/* Counts verdicts. See counts.h. */
#include "report/counts.h"

static void count_test(struct test_counts *tests, const char *verdict)
{
	if (!g_strcmp0(verdict, "pass"))
		tests->passed++;
	else if (!g_strcmp0(verdict, "xfail"))
		tests->known++;
	else if (!g_strcmp0(verdict, "skip"))
		tests->skipped++;
	else
		tests->failed++;
}

struct test_counts count_tests(const struct result *result)
{
	struct test_counts tests = { 0 };

	for (guint i = 0; i < result->tests->len; i++)
		count_test(&tests, ((const struct test_result *)result->tests->pdata[i])->verdict);
	return tests;
}

void counts_add(struct counts *counts, const struct result *result)
{
	struct test_counts tests = count_tests(result);

	counts->cases[result->verdict]++;
	counts->tests.passed += tests.passed;
	counts->tests.failed += tests.failed;
	counts->tests.known += tests.known;
	counts->tests.skipped += tests.skipped;
}

guint counts_red(const struct counts *counts)
{
	guint red = 0;

	for (guint verdict = 0; verdict < VERDICT_COUNT; verdict++)
		if (verdict_is_red(verdict))
			red += counts->cases[verdict];
	return red;
}

static void add_part(GString *text, guint count, const char *what)
{
	if (count)
		g_string_append_printf(text, ", %u %s", count, what);
}

static void add_heading(GString *text, guint count, const char *what, guint passed)
{
	g_string_append_printf(text, "%u %s%s: %u passed", count, what, count == 1 ? "" : "s",
			       passed);
}

char *counts_text(const struct counts *counts, guint not_run)
{
	const struct test_counts *tests = &counts->tests;
	guint test_count = tests->passed + tests->failed + tests->known + tests->skipped;
	GString *text = g_string_new(NULL);
	guint cases = not_run;

	for (guint verdict = 0; verdict < VERDICT_COUNT; verdict++)
		cases += counts->cases[verdict];
	add_heading(text, cases, "case", counts->cases[VERDICT_PASS]);
	add_part(text, counts->cases[VERDICT_FAIL] + counts->cases[VERDICT_ERROR], "failed");
	add_part(text, counts->cases[VERDICT_FLAKY], "flaky");
	add_part(text, counts->cases[VERDICT_XFAIL], "as known");
	add_part(text, counts->cases[VERDICT_SKIP], "skipped");
	add_part(text, not_run, "without a verdict");
	if (!test_count)
		return g_string_free(text, FALSE);
	g_string_append(text, "; ");
	add_heading(text, test_count, "test", tests->passed);
	add_part(text, tests->failed, "failed");
	add_part(text, tests->known, "failed as known");
	add_part(text, tests->skipped, "skipped");
	return g_string_free(text, FALSE);
}
