// SPDX-License-Identifier: GPL-2.0-or-later
/* host/run/retry.c: the result of a case that is tried again. */
#include "run/retry.h"

static struct environment environment = { .host = (char *)"local" };
static struct test_case test_case = { .name = (char *)"pro/none" };

static const struct {
	const char *name;
	unsigned most;	      /* further attempts */
	const char *ends;     /* a letter for each attempt: Pass, Fail, Error, Xfail, Skip */
	enum verdict verdict; /* of the case */
	unsigned attempts;    /* earlier ones that the result lists */
	const char *reason;
} rows[] = {
	{ "passes", 2, "p", VERDICT_PASS, 0, NULL },
	{ "fails-and-no-retry", 0, "f", VERDICT_FAIL, 0, "reason 1" },
	{ "passes-then", 2, "fp", VERDICT_FLAKY, 1,
	  "failed, and not when it was tried again (attempt 2): reason 1" },
	{ "passes-at-last", 2, "efp", VERDICT_FLAKY, 2,
	  "failed, and not when it was tried again (attempt 3): reason 1" },
	{ "known-then", 1, "fx", VERDICT_FLAKY, 1,
	  "failed, and not when it was tried again (attempt 2): reason 1" },
	{ "always-fails", 2, "fef", VERDICT_FAIL, 2, "reason 3" },
	{ "error-at-last", 1, "fe", VERDICT_ERROR, 1, "reason 2" },
	{ "skip-is-no-pass", 2, "fs", VERDICT_FAIL, 0, "reason 1" },
	{ "known-is-not-tried-again", 2, "x", VERDICT_XFAIL, 0, "reason 1" },
};

static void add_test(struct result *result, const char *name, const char *verdict)
{
	struct test_result *test = g_new0(struct test_result, 1);

	test->name = g_strdup(name);
	test->verdict = g_strdup(verdict);
	g_ptr_array_add(result->tests, test);
}

static struct result *ended(char how, unsigned attempt)
{
	struct result *result = result_new(&test_case, &environment);

	result->verdict = how == 'p'   ? VERDICT_PASS
			  : how == 'f' ? VERDICT_FAIL
			  : how == 'e' ? VERDICT_ERROR
			  : how == 'x' ? VERDICT_XFAIL
				       : VERDICT_SKIP;
	result->reason = how == 'p' ? NULL : g_strdup_printf("reason %u", attempt);
	result->logdir = g_strdup_printf("logs %u", attempt);
	if (how == 'f') {
		/* The test failed on two CPUs; its name counts once. */
		add_test(result, "bad", "fail");
		add_test(result, "bad", "fail");
		add_test(result, "good", "pass");
	}
	return result;
}

static void test_row(gconstpointer data)
{
	gsize row = GPOINTER_TO_SIZE(data);
	struct retries *retries = retries_new(rows[row].most);
	struct result *result = NULL;
	unsigned attempt = 0;

	for (const char *how = rows[row].ends; *how; how++) {
		g_assert_null(result);
		attempt++;
		g_assert_cmpuint(retries_attempt(retries, &test_case), ==, attempt);
		result = retries_take(retries, ended(*how, attempt));
	}
	g_assert_nonnull(result);
	g_assert_cmpint(result->verdict, ==, rows[row].verdict);
	g_assert_cmpstr(result->reason, ==, rows[row].reason);
	g_assert_cmpuint(result->attempts->len, ==, rows[row].attempts);
	for (unsigned i = 0; i < rows[row].attempts; i++) {
		const struct attempt *earlier = result->attempts->pdata[i];
		g_autofree char *logs = g_strdup_printf("logs %u", i + 1);

		g_assert_cmpstr(earlier->logdir, ==, logs);
		if (rows[row].ends[i] == 'f') {
			g_assert_cmpuint(earlier->failed_tests->len, ==, 1);
			g_assert_cmpstr(earlier->failed_tests->pdata[0], ==, "bad");
		} else {
			g_assert_cmpuint(earlier->failed_tests->len, ==, 0);
		}
	}
	g_assert_cmpuint(retries_attempt(retries, &test_case), ==, 1);
	result_free(result);
	retries_free(retries);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strconcat("/retry/", rows[i].name, NULL);

		g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_row);
	}
	return g_test_run();
}
