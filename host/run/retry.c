// SPDX-License-Identifier: GPL-2.0-or-later
/* Tries cases again. See retry.h. */
#include "report/test-verdicts.h"
#include "run/retry.h"

struct retries {
	unsigned most;
	GHashTable *failed; /* struct test_case -> the result of its last attempt, which failed */
};

static void free_result(gpointer result)
{
	result_free(result);
}

struct retries *retries_new(unsigned most)
{
	struct retries *retries = g_new0(struct retries, 1);

	retries->most = most;
	retries->failed = g_hash_table_new_full(NULL, NULL, NULL, free_result);
	return retries;
}

void retries_free(struct retries *retries)
{
	g_hash_table_unref(retries->failed);
	g_free(retries);
}

unsigned retries_attempt(const struct retries *retries, const struct test_case *test_case)
{
	const struct result *failed = g_hash_table_lookup(retries->failed, test_case);

	return failed ? failed->attempts->len + 2 : 1;
}

/* The names of the tests that failed in RESULT, each once. The caller unrefs the array. */
static GPtrArray *failed_tests(const struct result *result)
{
	g_autoptr(GArray) tests = test_verdicts(result);
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < tests->len; i++) {
		const struct test_verdict *test = &g_array_index(tests, struct test_verdict, i);

		if (g_str_equal(test->verdict, "fail"))
			g_ptr_array_add(names, g_strdup(test->name));
	}
	return names;
}

/* Adds to RESULT the attempts before it. The last of them has ended with the result FAILED. */
static void add_attempts(struct result *result, struct result *failed)
{
	struct attempt *last = g_new0(struct attempt, 1);

	last->verdict = failed->verdict;
	last->kind = failed->kind;
	last->reason = g_strdup(failed->reason);
	last->logdir = g_strdup(failed->logdir);
	last->failed_tests = failed_tests(failed);
	g_ptr_array_add(failed->attempts, last);
	g_ptr_array_unref(result->attempts);
	result->attempts = g_ptr_array_ref(failed->attempts);
}

/* The case did not fail this time. The result says why it did before. */
static void call_flaky(struct result *result)
{
	const struct attempt *first = result->attempts->pdata[0];

	result->verdict = VERDICT_FLAKY;
	result->kind = first->kind;
	g_free(result->reason);
	result->reason = g_strdup_printf("failed, and not when it was tried again (attempt %u): %s",
					 result->attempts->len + 1, first->reason);
}

struct result *retries_take(struct retries *retries, struct result *result)
{
	const struct test_case *test_case = result->test_case;
	struct result *failed = NULL;

	g_hash_table_steal_extended(retries->failed, test_case, NULL, (gpointer *)&failed);
	if (failed && result->verdict == VERDICT_SKIP) {
		/* The skip says nothing about why the case failed before. */
		result_free(result);
		return failed;
	}
	if (failed) {
		add_attempts(result, failed);
		result_free(failed);
	}
	if (verdict_is_red(result->verdict) && result->attempts->len < retries->most) {
		g_hash_table_insert(retries->failed, (gpointer)test_case, result);
		return NULL;
	}
	if (failed && !verdict_is_red(result->verdict))
		call_flaky(result);
	return result;
}
