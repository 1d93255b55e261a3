// SPDX-License-Identifier: GPL-2.0-or-later
/* host/run/share.c: all machines end at about the same time, and the first verdicts come soon. */
#include <stdlib.h>

#include "run/share.h"

#define BOOT 10

/* The name of a case is its seconds. */
static double case_seconds(void *data, const struct test_case *test_case)
{
	return g_ascii_strtod(test_case->name, NULL);
}

static double boot_seconds(void *data, const char *host)
{
	return BOOT;
}

static const struct share_costs costs = { case_seconds, boot_seconds, NULL };

static void add(GPtrArray *cases, const char *host, const char *clock, const char *seconds)
{
	struct test_case *test_case = g_new0(struct test_case, 1);

	test_case->name = g_strdup(seconds);
	test_case->host = host;
	test_case->lab_clock = clock;
	g_ptr_array_add(cases, test_case);
}

/* WORDS: "HOST SECONDS...". */
static void add_all(GPtrArray *cases, const char *host, const char *clock, const char *words)
{
	g_auto(GStrv) seconds = g_strsplit(words, " ", -1);

	for (char **word = seconds; *word; word++)
		add(cases, host, clock, *word);
}

static GPtrArray *new_cases(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)test_case_free);
}

static double first_of(const struct share *share)
{
	return case_seconds(NULL, share->cases->pdata[0]);
}

static guint count_cases(GPtrArray *shares)
{
	guint count = 0;

	for (guint i = 0; i < shares->len; i++)
		count += ((struct share *)shares->pdata[i])->cases->len;
	return count;
}

static void assert_share(GPtrArray *shares, guint index, const char *host, guint cases,
			 double seconds)
{
	const struct share *share = shares->pdata[index];

	g_assert_cmpstr(share->host, ==, host);
	g_assert_cmpuint(share->cases->len, ==, cases);
	g_assert_cmpfloat(share->seconds, ==, seconds);
}

/* A case that takes as long as all others gets a machine of its own. */
static void test_balance(void)
{
	g_autoptr(GPtrArray) cases = new_cases(), shares = NULL;

	add_all(cases, "amd", NULL, "10 20 30 40 100");
	shares = share_out(cases, 2, &costs);
	g_assert_cmpuint(shares->len, ==, 2);
	assert_share(shares, 0, "amd", 1, BOOT + 100);
	assert_share(shares, 1, "amd", 4, BOOT + 100);
	g_assert_cmpfloat(first_of(shares->pdata[1]), ==, 10);
}

/* Every case is in one share, and no machine takes much longer than in a perfect distribution. */
static void test_random(void)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(5);

	for (unsigned turn = 0; turn < 50; turn++) {
		g_autoptr(GPtrArray) cases = new_cases(), shares = NULL;
		guint count = g_rand_int_range(random, 20, 80);
		unsigned slots = g_rand_int_range(random, 1, 6);
		double longest = 0, all = 0;

		for (guint i = 0; i < count; i++) {
			g_autofree char *seconds =
				g_strdup_printf("%d", g_rand_int_range(random, 1, 100));

			add(cases, "amd", NULL, seconds);
			all += case_seconds(NULL, cases->pdata[i]);
		}
		shares = share_out(cases, slots, &costs);
		g_assert_cmpuint(shares->len, >=, slots);
		g_assert_cmpuint(count_cases(shares), ==, count);
		for (guint i = 0; i < shares->len; i++) {
			const struct share *share = shares->pdata[i];

			longest = MAX(longest, share->seconds);
			/* What is held back comes after the first share of each slot. */
			for (guint j = 1; i < slots && j < share->cases->len; j++)
				g_assert_cmpfloat(first_of(share), <=,
						  case_seconds(NULL, share->cases->pdata[j]));
		}
		g_assert_cmpfloat(longest, <=, BOOT + MAX(99, all / slots * 1.1));
	}
}

/* The repeats of one case, which are cases of the same length, are split. */
static void test_repeats(void)
{
	g_autoptr(GPtrArray) cases = new_cases(), shares = NULL;

	add_all(cases, "amd", NULL, "45 45 45 45 45 45 45 45 45 45");
	shares = share_out(cases, 2, &costs);
	g_assert_cmpuint(shares->len, ==, 2);
	assert_share(shares, 0, "amd", 5, BOOT + 5 * 45);
	assert_share(shares, 1, "amd", 5, BOOT + 5 * 45);
}

/* The last quarter of long shares is held back, if there is a slot that may be free early. */
static void test_held_back(void)
{
	g_autoptr(GPtrArray) cases = new_cases(), shares = NULL;

	for (guint i = 0; i < 40; i++)
		add(cases, "amd", NULL, "20");
	shares = share_out(cases, 2, &costs);
	g_assert_cmpuint(shares->len, ==, 4);
	assert_share(shares, 0, "amd", 15, BOOT + 15 * 20);
	assert_share(shares, 1, "amd", 15, BOOT + 15 * 20);
	assert_share(shares, 2, "amd", 5, BOOT + 5 * 20);
	assert_share(shares, 3, "amd", 5, BOOT + 5 * 20);
	g_ptr_array_unref(shares);
	shares = share_out(cases, 1, &costs);
	g_assert_cmpuint(shares->len, ==, 1);
}

/* A second machine is not worth its boot if the first can run the case sooner. */
static void test_few(void)
{
	g_autoptr(GPtrArray) cases = new_cases(), shares = NULL, none = new_cases();

	add_all(cases, "amd", NULL, "3 2");
	shares = share_out(cases, 2, &costs);
	g_assert_cmpuint(shares->len, ==, 2);
	g_ptr_array_unref(shares);
	/* With one slot there is one machine for each lab and clock, one after the other. */
	add_all(cases, "amd", "hpet", "5");
	add_all(cases, "intel", NULL, "40");
	shares = share_out(cases, 1, &costs);
	g_assert_cmpuint(shares->len, ==, 3);
	assert_share(shares, 0, "intel", 1, BOOT + 40);
	assert_share(shares, 1, "amd", 1, BOOT + 5);
	assert_share(shares, 2, "amd", 2, BOOT + 5);
	g_ptr_array_unref(shares);
	shares = share_out(none, 2, &costs);
	g_assert_cmpuint(shares->len, ==, 0);
}

/* Two labs with equal work get a slot each. If one has more, the rest runs beside the other. */
static void test_two_labs(void)
{
	g_autoptr(GPtrArray) cases = new_cases(), shares = NULL;

	add_all(cases, "local", NULL, "1000");
	add_all(cases, "amd", NULL, "30 30 30 30");
	add_all(cases, "intel", NULL, "60 60");
	shares = share_out(cases, 2, &costs);
	g_assert_cmpuint(shares->len, ==, 2);
	assert_share(shares, 0, "intel", 2, BOOT + 120);
	assert_share(shares, 1, "amd", 4, BOOT + 120);
	add_all(cases, "amd", NULL, "50 50 50 50");
	g_ptr_array_unref(shares);
	shares = share_out(cases, 2, &costs);
	g_assert_cmpuint(count_cases(shares), ==, 10);
	g_assert_cmpuint(shares->len, ==, 3);
	assert_share(shares, 0, "amd", 5, BOOT + 230);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/share/balance", test_balance);
	g_test_add_func("/share/random", test_random);
	g_test_add_func("/share/repeats", test_repeats);
	g_test_add_func("/share/held-back", test_held_back);
	g_test_add_func("/share/few", test_few);
	g_test_add_func("/share/two-labs", test_two_labs);
	return g_test_run();
}
