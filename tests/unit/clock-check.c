// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host/guest/clock-check.c: guest time and host time must agree. Each row of the table has a
 * guest's clock as the runner sees it, mark by mark, and the expected verdict.
 */
#include <string.h>

#include "guest/clock-check.h"

#define MS     G_GINT64_CONSTANT(1000000)
#define SECOND (1000 * MS)
/* Far more than the check allows for rounding, and far less than the error in any row. */
#define A_LITTLE (MS / 100)

/* Gives CHECK a line "mark name=... clock=...", as the console does. */
static char *tell(struct clock_check *check, const char *name, const char *clock, int cpu,
		  gint64 before, gint64 after, guint64 answer)
{
	g_autoptr(GHashTable) values = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	struct machine_line line = { .sequence = answer + 2, .verb = "mark", .line = 7 };

	g_hash_table_insert(values, (void *)"name", g_strdup(name));
	if (clock)
		g_hash_table_insert(values, (void *)"clock", g_strdup(clock));
	g_hash_table_insert(values, (void *)"cpu", g_strdup_printf("%d", cpu));
	g_hash_table_insert(values, (void *)"before", g_strdup_printf("%" G_GINT64_FORMAT, before));
	g_hash_table_insert(values, (void *)"after", g_strdup_printf("%" G_GINT64_FORMAT, after));
	g_hash_table_insert(values, (void *)"answer",
			    g_strdup_printf("%" G_GUINT64_FORMAT, answer));
	line.values = values;
	return clock_check_mark(check, &line);
}

struct moment {
	gint64 host;  /* CLOCK_MONOTONIC at the answer, ns */
	gint64 guest; /* the guest's clock then; marks are A_LITTLE before and after */
	gint64 pause; /* the sum of the upper bounds of all pauses until then */
};

static const struct row {
	const char *name;
	struct moment moments[4]; /* host = 0 ends them */
	const char *problem;	  /* of the last mark; NULL: none */
} rows[] = {
	{ "agrees", { { SECOND, 5 }, { 2 * SECOND, SECOND }, { 3 * SECOND, 2 * SECOND } } },
	{ "agrees-after-pause-counted", { { SECOND, 5 }, { 3 * SECOND, 2 * SECOND, SECOND } } },
	{ "agrees-after-pause-not-counted", { { SECOND, 5 }, { 3 * SECOND, SECOND, SECOND } } },
	{ "agrees-behind-by-half-the-pause",
	  { { SECOND, 5 }, { 3 * SECOND, 3 * SECOND / 2, SECOND } } },
	{ "behind-by-more-than-the-pause",
	  { { SECOND, 5 }, { 3 * SECOND, SECOND - 10 * MS, SECOND } },
	  "fell behind" },
	{ "behind-without-pause",
	  { { SECOND, 5 }, { 2 * SECOND, SECOND - 2 * MS } },
	  "fell behind" },
	{ "stands-still", { { SECOND, 5 }, { SECOND + 10 * MS, 5 } }, "fell behind" },
	{ "goes-backwards", { { SECOND, SECOND }, { SECOND + MS, SECOND - MS } }, "fell behind" },
	{ "runs-ahead", { { SECOND, 5 }, { 2 * SECOND, SECOND + 2 * MS } }, "ran ahead" },
	{ "runs-ahead-after-pause",
	  { { SECOND, 5 }, { 2 * SECOND, 2 * SECOND, SECOND / 2 } },
	  "ran ahead" },
	{ "falls-back-after-leap",
	  { { SECOND, 5 }, { 2 * SECOND, SECOND }, { 3 * SECOND, 2 * SECOND - 2 * MS } },
	  "fell behind" },
	/*
	 * An error of 45 us between two marks may be rounding. Three of them together are not,
	 * which only the comparison with the first mark shows.
	 */
	{ "creeps-behind",
	  { { SECOND, 0 },
	    { SECOND + MS, MS - 45000 },
	    { SECOND + 2 * MS, 2 * MS - 90000 },
	    { SECOND + 3 * MS, 3 * MS - 135000 } },
	  "fell behind" },
	{ "creeps-ahead",
	  { { SECOND, 0 },
	    { SECOND + MS, MS + 45000 },
	    { SECOND + 2 * MS, 2 * MS + 90000 },
	    { SECOND + 3 * MS, 3 * MS + 135000 } },
	  "ran ahead" },
	/* NTP may slew the host's clock by up to 500 ppm, and not the guest's. */
	{ "slewed-host", { { SECOND, 0 }, { 1001 * SECOND, 1000 * SECOND + SECOND * 4 / 10 } } },
};

static void test_row(const void *data)
{
	const struct row *row = data;
	struct clock_check *check = clock_check_new(NULL, 0);
	g_autofree char *problem = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(row->moments) && row->moments[i].host; i++) {
		const struct moment *moment = &row->moments[i];

		g_assert_cmpstr(problem, ==, NULL); /* no earlier mark is wrong */
		clock_check_answered(check, 10 + i, moment->host, 0, moment->pause);
		problem = tell(check, "clock", "kvmclock", 1, moment->guest - A_LITTLE,
			       moment->guest + A_LITTLE, 10 + i);
	}
	clock_check_free(check);
	if (!row->problem) {
		g_assert_cmpstr(problem, ==, NULL);
		return;
	}
	g_test_message("%s", problem);
	g_assert_nonnull(problem);
	g_assert_nonnull(strstr(problem, row->problem));
	g_assert_true(g_str_has_prefix(problem, "kvmclock on CPU 1 "));
	g_assert_nonnull(strstr(problem, "(console line 7)"));
}

/* If the two reads are far apart, the clock may have had any value between them at the answer. */
static void test_wide_mark(void)
{
	struct clock_check *check = clock_check_new(NULL, 0);

	clock_check_answered(check, 1, SECOND, 0, 0);
	clock_check_answered(check, 2, 2 * SECOND, 0, 0);
	g_assert_null(tell(check, "clock", "c", 0, 0, SECOND, 1));
	g_assert_null(tell(check, "clock", "c", 0, SECOND / 2, 3 * SECOND, 2));
	clock_check_free(check);
}

static void test_clocks_are_kept_apart(void)
{
	struct clock_check *check = clock_check_new(NULL, 0);

	clock_check_answered(check, 1, SECOND, 0, 0);
	clock_check_answered(check, 2, 2 * SECOND, 0, 0);
	g_assert_null(tell(check, "clock", "a", 0, 0, 1, 1));
	g_assert_null(tell(check, "clock", "b", 0, 50 * SECOND, 50 * SECOND, 2));
	g_assert_null(tell(check, "clock", "a", 1, 90 * SECOND, 90 * SECOND, 2));
	g_assert_null(tell(check, "clock", "a", 0, SECOND, SECOND, 2));
	clock_check_free(check);
}

static void test_unknown_answer(void)
{
	struct clock_check *check = clock_check_new(NULL, 0);
	g_autofree char *problem = tell(check, "clock", "c", 0, 0, 1, 99);

	g_assert_cmpstr(problem, ==,
			"clock mark refers to answer 99, which was never given (console line 7)");
	clock_check_free(check);
}

static void test_other_marks(void)
{
	struct clock_check *check = clock_check_new(NULL, 0);

	g_assert_null(tell(check, "speed", "c", 0, 0, 1, 99));
	g_assert_null(tell(check, "clock", NULL, 0, 0, 1, 99));
	clock_check_free(check);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strconcat("/clock-check/", rows[i].name, NULL);

		g_test_add_data_func(path, &rows[i], test_row);
	}
	g_test_add_func("/clock-check/wide-mark", test_wide_mark);
	g_test_add_func("/clock-check/clocks-kept-apart", test_clocks_are_kept_apart);
	g_test_add_func("/clock-check/unknown-answer", test_unknown_answer);
	g_test_add_func("/clock-check/other-marks", test_other_marks);
	return g_test_run();
}
