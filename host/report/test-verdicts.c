// SPDX-License-Identifier: GPL-2.0-or-later
/* One verdict for each test of a case. See test-verdicts.h. */
#include "report/test-verdicts.h"

/*
 * The verdict with the highest weight counts. An unknown word is treated as a failure, as counts.c
 * does.
 */
static int weight(const char *verdict)
{
	static const char *const order[] = { "skip", "pass", "xfail" };

	for (int i = 0; i < (int)G_N_ELEMENTS(order); i++)
		if (!g_strcmp0(verdict, order[i]))
			return i;
	return G_N_ELEMENTS(order);
}

static void take(struct test_verdict *into, const struct test_result *test)
{
	if (!into->verdict || weight(test->verdict) > weight(into->verdict)) {
		into->verdict = test->verdict ? test->verdict : "fail";
		into->reason = test->reason;
	}
	into->duration_ns += test->duration_ns;
}

GArray *test_verdicts(const struct result *result)
{
	GArray *verdicts = g_array_new(FALSE, FALSE, sizeof(struct test_verdict));
	g_autoptr(GHashTable) places = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];
		struct test_verdict fresh = { .name = test->name ? test->name : "?" };
		gpointer place = g_hash_table_lookup(places, fresh.name);

		if (!place) {
			g_array_append_val(verdicts, fresh);
			/* From 1 on, so that NULL means "not there". */
			place = GUINT_TO_POINTER(verdicts->len);
			g_hash_table_insert(places, (gpointer)fresh.name, place);
		}
		take(&g_array_index(verdicts, struct test_verdict, GPOINTER_TO_UINT(place) - 1),
		     test);
	}
	return verdicts;
}

gboolean red_beyond_tests(const struct result *result)
{
	gboolean some_test_failed = FALSE;

	if (!verdict_is_red(result->verdict))
		return FALSE;
	if (result->verdict != VERDICT_FAIL)
		return TRUE;
	for (guint i = 0; i < result->failures->len; i++)
		if (!((const struct failure *)result->failures->pdata[i])->known)
			return TRUE;
	for (guint i = 0; i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];

		some_test_failed |= weight(test->verdict) == weight("fail");
	}
	return !some_test_failed;
}
