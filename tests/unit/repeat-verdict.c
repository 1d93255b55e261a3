// SPDX-License-Identifier: GPL-2.0-or-later
/* host/run/repeat-verdict.c: when several runs are decisive, and how sure the answer is. */
#include "run/repeat-verdict.h"

static void test_answers(void)
{
	static const struct {
		struct repeat repeat; /* runs, bad_if, passed, failed, unclear */
		enum answer answer;
	} rows[] = {
		{ { 1, 1, 0, 0, 0 }, ANSWER_OPEN },	{ { 1, 1, 1, 0, 0 }, ANSWER_GOOD },
		{ { 1, 1, 0, 1, 0 }, ANSWER_BAD },	{ { 1, 1, 0, 0, 1 }, ANSWER_UNCLEAR },
		{ { 10, 3, 7, 0, 0 }, ANSWER_OPEN },	{ { 10, 3, 8, 0, 0 }, ANSWER_GOOD },
		{ { 10, 3, 0, 2, 0 }, ANSWER_OPEN },	{ { 10, 3, 0, 3, 0 }, ANSWER_BAD },
		{ { 10, 3, 7, 2, 0 }, ANSWER_OPEN },	{ { 10, 3, 8, 2, 0 }, ANSWER_GOOD },
		{ { 10, 3, 7, 2, 1 }, ANSWER_UNCLEAR }, { { 10, 3, 8, 0, 2 }, ANSWER_GOOD },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		g_assert_cmpint(repeat_answer(&rows[i].repeat), ==, rows[i].answer);
}

/*
 * The values are 1 - 0.05^(1/20), 0.05^(1/3), and Clopper and Pearson's upper bound for one failure
 * in 20 runs. If nothing was run, the rate may be anything, so the bound is 1.
 */
static void test_rates(void)
{
	g_assert_cmpfloat_with_epsilon(
		repeat_highest_rate(&(struct repeat){ .runs = 20, .bad_if = 1, .passed = 20 }),
		0.139108, 1e-5);
	g_assert_cmpfloat_with_epsilon(
		repeat_lowest_rate(&(struct repeat){ .runs = 3, .bad_if = 3, .failed = 3 }),
		0.368403, 1e-5);
	g_assert_cmpfloat_with_epsilon(
		repeat_highest_rate(
			&(struct repeat){ .runs = 20, .bad_if = 2, .passed = 19, .failed = 1 }),
		0.216106, 1e-5);
	g_assert_cmpfloat(repeat_highest_rate(&(struct repeat){ .runs = 1, .bad_if = 1 }), ==, 1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/repeat-verdict/answers", test_answers);
	g_test_add_func("/repeat-verdict/rates", test_rates);
	return g_test_run();
}
