// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Results as LAVA reads them from the output of a test: a line <LAVA_SIGNAL_TESTCASE ...> for each
 * test and for each case, as LAVA's own lava-test-case prints it (LAVA's documentation, "Recording
 * test cases"). LAVA splits the line at white space and each word at its "=", refuses a name that
 * comes twice, and knows the results pass, fail, skip and unknown.
 */
#include <stdio.h>

#include "report/reporter.h"
#include "report/test-verdicts.h"
#include "util/text.h"

/* This report needs no data, but NULL would mean that it could not begin. */
static char nothing;

static void *lava_begin(const char *target, const struct environment *environment,
			const GPtrArray *cases, GError **error)
{
	return &nothing;
}

static void print_signal(const struct result *result, const char *test, const char *verdict)
{
	g_autofree char *name = text_identifier(result->test_case->name);
	g_autofree char *test_name = test ? text_identifier(test) : NULL;

	printf("<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=%s%s%s RESULT=%s>\n", name, test ? "." : "",
	       test ? test_name : "", verdict);
}

/* A failure that is known is no news, so it is a pass, as in JUnit. */
static const char *result_word(const char *verdict)
{
	if (g_str_equal(verdict, "xfail"))
		return "pass";
	return g_str_equal(verdict, "pass") || g_str_equal(verdict, "skip") ? verdict : "fail";
}

static void lava_ended(void *data, const struct result *result)
{
	static const char *const words[VERDICT_COUNT] = {
		[VERDICT_PASS] = "pass", [VERDICT_FAIL] = "fail",  [VERDICT_XFAIL] = "pass",
		[VERDICT_SKIP] = "skip", [VERDICT_ERROR] = "fail", [VERDICT_FLAKY] = "fail",
	};
	g_autoptr(GArray) tests = test_verdicts(result);

	for (guint i = 0; i < tests->len; i++) {
		const struct test_verdict *test = &g_array_index(tests, struct test_verdict, i);

		print_signal(result, test->name, result_word(test->verdict));
	}
	print_signal(result, NULL, words[result->verdict]);
	fflush(stdout);
}

const struct reporter lava_reporter = {
	.name = "lava",
	.about = "Also print a line for LAVA for each test and each case",
	.beside = TRUE,
	.begin = lava_begin,
	.ended = lava_ended,
};
