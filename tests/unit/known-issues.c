// SPDX-License-Identifier: GPL-2.0-or-later
/* host/run/known-issues.c: how known-issues.cfg changes results. */
#include <glib/gstdio.h>
#include <string.h>

#include "plan/plan.h"
#include "run/known-issues.h"

static const char issues_text[] = "[alpha]\n"
				  "case = prog/*\n"
				  "test = al* ome?a\n"
				  "host = amd\n"
				  "reason = alpha is broken there\n"
				  "evidence = somewhere\n"
				  "[beta]\n"
				  "case = prog/none\n"
				  "test = beta\n"
				  "host = *\n"
				  "kernel = 6.1..6.4\n"
				  "reason = beta is broken there\n"
				  "evidence = somewhere\n"
				  "[said]\n"
				  "case = other/x prog/pause\n"
				  "failure = CPU \\d is late(, again)*\n"
				  "host = moon tcg\n"
				  "reason = it is slow\n"
				  "evidence = somewhere\n"
				  "[died]\n"
				  "case = prog/none\n"
				  "failure = died.*\n"
				  "host = *\n"
				  "sometimes = true\n"
				  "reason = it dies now and then\n"
				  "evidence = somewhere\n"
				  "[whole]\n"
				  "case = prog/storm\n"
				  "host = *\n"
				  "sometimes = true\n"
				  "reason = it all is\n"
				  "evidence = somewhere\n";

/* TESTS is "name:verdict name:verdict ...". */
static const struct row {
	const char *label, *host, *kernel, *plan;
	enum verdict verdict;
	const char *tests;
	gboolean beyond_tests;
	enum verdict expected;
	const char *expected_tests;
	const char *reason; /* how the result's reason then begins, or NULL */
	gboolean warning;
	const char *said;   /* the reason of the failure; NULL: "first" */
	const char *inside; /* the host whose issues were applied before, inside a lab; or NULL */
} rows[] = {
	{ "one", "amd", "6.1.0", "none", VERDICT_FAIL, "a:pass alpha:fail", FALSE, VERDICT_XFAIL,
	  "a:pass alpha:xfail", "alpha is broken", FALSE },
	{ "two-issues", "amd", "6.1.0", "none", VERDICT_FAIL, "alpha:fail beta:fail", FALSE,
	  VERDICT_XFAIL, "alpha:xfail beta:xfail", "alpha is broken", FALSE },
	{ "second-glob", "amd", "6.1.0", "none", VERDICT_FAIL, "omega:fail", FALSE, VERDICT_XFAIL,
	  "omega:xfail", "alpha is broken", FALSE },
	{ "besides", "amd", "6.1.0", "none", VERDICT_FAIL, "alpha:fail gamma:fail", FALSE,
	  VERDICT_FAIL, "alpha:xfail gamma:fail", "gamma failed (besides", FALSE },
	{ "other-host", "local", "6.1.0", "none", VERDICT_FAIL, "alpha:fail", FALSE, VERDICT_FAIL,
	  "alpha:fail", "first", FALSE },
	{ "other-kernel", "amd", "6.5.0", "none", VERDICT_FAIL, "beta:fail", FALSE, VERDICT_FAIL,
	  "beta:fail", "first", FALSE },
	{ "other-plan", "amd", "6.1.0", "pause", VERDICT_FAIL, "beta:fail", FALSE, VERDICT_FAIL,
	  "beta:fail", "first", FALSE },
	{ "violation-too", "amd", "6.1.0", "none", VERDICT_FAIL, "alpha:fail", TRUE, VERDICT_FAIL,
	  "alpha:xfail", "first", FALSE },
	{ "no-test", "amd", "6.1.0", "none", VERDICT_ERROR, "", TRUE, VERDICT_ERROR, "", "first",
	  FALSE },
	{ "never-ran", "amd", "6.1.0", "none", VERDICT_ERROR, "", FALSE, VERDICT_ERROR, "", "first",
	  FALSE },
	{ "whole-case", "local", "6.9.0", "storm", VERDICT_ERROR, "gamma:fail", TRUE, VERDICT_XFAIL,
	  "gamma:xfail", "it all is", FALSE },
	{ "said", "local", "6.1.0", "pause", VERDICT_FAIL, "", TRUE, VERDICT_XFAIL, "",
	  "it is slow", FALSE, "CPU 3 is late, again" },
	{ "said-and-more", "local", "6.1.0", "pause", VERDICT_FAIL, "", TRUE, VERDICT_FAIL, "",
	  "CPU 3", FALSE, "CPU 3 is late, and hot" },
	{ "dies-in-a-lab", "amd", "6.1.0", "none", VERDICT_ERROR, "alpha:fail died:fail", TRUE,
	  VERDICT_XFAIL, "alpha:xfail died:xfail", "alpha is broken", FALSE, "died of it",
	  "local" },
	{ "passes-now", "amd", "6.9.0", "none", VERDICT_PASS, "alpha:pass", FALSE, VERDICT_PASS,
	  "alpha:pass", NULL, TRUE },
	{ "second-glob-passes", "amd", "6.9.0", "none", VERDICT_PASS, "omega:pass", FALSE,
	  VERDICT_PASS, "omega:pass", NULL, TRUE },
	{ "not-tried", "amd", "6.9.0", "none", VERDICT_PASS, "gamma:pass", FALSE, VERDICT_PASS,
	  "gamma:pass", NULL, FALSE },
	{ "sometimes", "local", "6.9.0", "storm", VERDICT_PASS, "gamma:pass", FALSE, VERDICT_PASS,
	  "gamma:pass", NULL, FALSE },
};

static void add_tests(struct result *result, const char *tests)
{
	g_auto(GStrv) words = g_strsplit(tests, " ", -1);

	for (char **word = words; *word && **word; word++) {
		struct test_result *test = g_new0(struct test_result, 1);
		char *colon = strchr(*word, ':');

		test->name = g_strndup(*word, colon - *word);
		test->verdict = g_strdup(colon + 1);
		test->reason = g_strdup_printf("%s failed", test->name);
		g_ptr_array_add(result->tests, test);
	}
}

static char *tests_of(const struct result *result)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];

		g_string_append_printf(text, "%s%s:%s", i ? " " : "", test->name, test->verdict);
	}
	return g_string_free(text, FALSE);
}

static void test_row(gconstpointer data)
{
	const struct row *row = data;
	g_autofree char *path = g_strdup_printf("%s/ferry-issues-XXXXXX", g_get_tmp_dir());
	g_autofree char *tests = NULL;
	g_autoptr(GPtrArray) issues = NULL;
	struct program program = { .name = (char *)"prog" };
	struct plan plan = { .name = row->plan };
	struct test_case test_case = { .program = &program, .plan = &plan };
	struct environment environment = { .host = (char *)row->host,
					   .accel = (char *)"tcg",
					   .kernel = (char *)row->kernel };
	struct result *result = result_new(&test_case, &environment);
	int fd = g_mkstemp(path);

	g_assert_cmpint(fd, >=, 0);
	g_assert_true(g_close(fd, NULL));
	g_assert_true(g_file_set_contents(path, issues_text, -1, NULL));
	issues = known_issues_load(path, NULL);
	g_assert_nonnull(issues);
	result->verdict = row->verdict;
	if (row->verdict != VERDICT_PASS)
		result->reason = g_strdup(row->said ? row->said : "first");
	result->beyond_tests = row->beyond_tests;
	add_tests(result, row->tests);

	if (row->inside) {
		environment.host = (char *)row->inside;
		known_issues_apply(issues, result);
		environment.host = (char *)row->host;
	}
	known_issues_apply(issues, result);

	tests = tests_of(result);
	g_assert_cmpint(result->verdict, ==, row->expected);
	g_assert_cmpstr(tests, ==, row->expected_tests);
	g_assert_cmpint(result->warning != NULL, ==, row->warning);
	if (row->reason)
		g_assert_true(g_str_has_prefix(result->reason, row->reason));
	result_free(result);
	g_assert_cmpint(g_remove(path), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strdup_printf("/known-issues/%s", rows[i].label);

		g_test_add_data_func(path, &rows[i], test_row);
	}
	return g_test_run();
}
