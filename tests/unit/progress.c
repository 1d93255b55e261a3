// SPDX-License-Identifier: GPL-2.0-or-later
/* host/report/progress.c: the progress of a run, in words. */
#include "report/progress.h"

static double left;
static const char *others = "";

static double case_seconds(void *data, const struct test_case *test_case)
{
	return 45;
}

static double seconds_left(void *data)
{
	return left;
}

static void describe(void *data, GString *text)
{
	g_string_append(text, others);
}

static const struct forecast forecast = { case_seconds, seconds_left, describe, NULL };

static void show(void *data)
{
	++*(guint *)data;
}

static void assert_live(struct progress *progress, const char *expected)
{
	g_autofree char *line = progress_live_line(progress);

	g_assert_cmpstr(line, ==, expected);
}

static void assert_plain(struct progress *progress, const char *expected)
{
	g_autofree char *line = progress_plain_line(progress);

	g_assert_cmpstr(line, ==, expected);
}

static void test_words(void)
{
	struct test_case one = { .name = (char *)"a/none" }, two = { .name = (char *)"b/storm#2" };
	struct progress *progress = progress_new(41, FALSE, show, NULL);

	left = 0;
	assert_live(progress, NULL);
	assert_plain(progress, "after 0 s: 0 of 41 cases; running: nothing");
	progress_started(progress, &one);
	assert_live(progress, "[0/41] a/none 0 s");
	progress_set_forecast(progress, &forecast);
	assert_live(progress, "[0/41] a/none 0 of 45 s");
	progress_doing(progress, &one, "x on CPU 0");
	progress_doing(progress, &two, "it does not run");
	progress_started(progress, &one);
	assert_live(progress, "[0/41] a/none 0 of 45 s");
	progress_doing(progress, &one, "x on CPU 0");
	progress_started(progress, &two);
	left = 250;
	assert_live(progress,
		    "[0/41, about 4 min left] a/none 0 of 45 s: x on CPU 0, b/storm#2 0 of 45 s");
	others = "amd lab boots 8 of 12 s";
	assert_plain(
		progress,
		"after 0 s: 0 of 41 cases, about 4 min left; running: a/none 0 of 45 s, b/storm#2 0 of 45 s, amd lab boots 8 of 12 s");
	progress_ended(progress, &one);
	progress_ended(progress, &two);
	assert_live(progress, "[2/41, about 4 min left] amd lab boots 8 of 12 s");
	others = "";
	/* A case that ends without having started was skipped. */
	progress_ended(progress, &one);
	assert_plain(progress, "after 0 s: 3 of 41 cases, about 4 min left; running: nothing");
	progress_set_forecast(progress, NULL);
	assert_live(progress, NULL);
	progress_free(progress);
}

static void test_left(void)
{
	static const struct {
		double seconds;
		const char *words;
	} rows[] = {
		{ 1, "10 s" },	       { 9, "10 s" },	       { 11, "20 s" },
		{ 55, "1 min" },       { 61, "1 min" },	       { 95, "2 min" },
		{ 3590, "1 h 0 min" }, { 4200, "1 h 10 min" }, { 90000, "25 h 0 min" },
	};
	struct progress *progress = progress_new(1, FALSE, show, NULL);

	progress_set_forecast(progress, &forecast);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *expected = g_strdup_printf(
			"after 0 s: 0 of 1 case, about %s left; running: nothing", rows[i].words);

		left = rows[i].seconds;
		assert_plain(progress, expected);
	}
	progress_free(progress);
}

static gboolean quit(gpointer data)
{
	g_main_loop_quit(data);
	return G_SOURCE_REMOVE;
}

/* A timer asks for an update, unless that is turned off. */
static void test_timer(void)
{
	GMainLoop *loop = g_main_loop_new(NULL, FALSE);
	guint live = 0, plain = 0, never = 0;
	struct progress *progresses[3];

	progress_set_interval(2);
	progresses[0] = progress_new(1, TRUE, show, &live);
	progresses[1] = progress_new(1, FALSE, show, &plain);
	progress_set_interval(0);
	progresses[2] = progress_new(1, FALSE, show, &never);
	g_timeout_add(3500, quit, loop);
	g_main_loop_run(loop);
	g_main_loop_unref(loop);
	for (gsize i = 0; i < G_N_ELEMENTS(progresses); i++)
		progress_free(progresses[i]);
	g_assert_cmpuint(live, >, plain);
	g_assert_cmpuint(plain, >, 0);
	g_assert_cmpuint(never, ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/progress/words", test_words);
	g_test_add_func("/progress/left", test_left);
	g_test_add_func("/progress/timer", test_timer);
	return g_test_run();
}
