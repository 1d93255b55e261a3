// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host/guest/timer-marks.c: times by a guest's clock, which may stand still in a downtime, are laid
 * on the time of the case. Each row has a mark and what a story then tells.
 */
#include <string.h>

#include "guest/timer-marks.h"
#include "report/action-stats.h"

#define MS G_GINT64_CONSTANT(1000000)
/* The case began at this moment of CLOCK_MONOTONIC. The host answered 100 ms and 1100 ms later. */
#define BEGAN (5000 * MS)

static const struct row {
	const char *name;
	gint64 stopped, paused; /* the downtime, in ms since the case began; 0: none */
	const char *mark;	/* from=1 to=2, or nothing of it, and times in ms */
	const char *told;	/* in ms: armed at, until; due; firings */
} rows[] = {
	{ "one-shot", 0, 0, "now=1000 armed=400 until=900 fired=1 firings=410",
	  "100 1000; 500; 510+10" },
	{ "one-shot-never", 0, 0,
	  "now=1000 armed=400 until=900 fired=0 firings=", "100 1000; 500;" },
	{ "one-shot-not-due", 0, 0,
	  "now=1000 armed=4000 until=900 fired=0 firings=", "100 1000;;" },
	{ "one-shot-early", 0, 0, "now=1000 armed=400 until=900 fired=1 firings=100",
	  "100 1000; 500; 200-300" },
	/* The second is missing, and the fourth is early. */
	{ "periodic", 0, 0, "now=1000 armed=200 periodic=1 until=900 fired=3 firings=205,620,790",
	  "100 1000; 300 500 700 900; 305+5 720+20 890-10" },
	/* The guest's clock stood still for 200 ms from 600 ms on. */
	{ "clock-stands-still", 600, 250,
	  "now=800 armed=200 periodic=1 until=700 fired=3 firings=205,410,610",
	  "100 1000; 300 500 900; 305+5 510+10 910+10" },
	/* It went on. */
	{ "clock-goes-on", 600, 250, "now=1000 armed=400 until=900 fired=1 firings=750",
	  "100 1000; 500; 850+350" },
	{ "downtime-is-not-within", 2000, 250, "now=1000 armed=400 until=900 fired=1 firings=410",
	  "100 1000; 500; 510+10" },
	/* A guest may write anything. */
	{ "nonsense", 0, 0, "now=x armed=-7 periodic=1 until=99 fired=-1 firings=,x,7",
	  "100 199;; 100+0 100+0 107+7" },
};

static void set(GHashTable *values, const char *key, const char *value)
{
	g_hash_table_replace(values, g_strdup(key), g_strdup(value));
}

/* "410,900" in ns. */
static char *in_ns(const char *ms)
{
	g_auto(GStrv) words = g_strsplit(ms, ",", -1);
	GString *text = g_string_new(NULL);

	for (char **word = words; *word; word++)
		g_string_append_printf(
			text, "%s%s%s", word == words ? "" : ",", *word,
			g_ascii_isdigit(**word) && !g_str_equal(*word, "0") ? "000000" : "");
	return g_string_free(text, FALSE);
}

/* WORDS has times in ms. */
static GHashTable *mark(const char *words)
{
	GHashTable *values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_auto(GStrv) pairs = g_strsplit(words, " ", -1);

	set(values, "name", "timer");
	set(values, "timer", "the PIT");
	set(values, "cpu", "1");
	for (char **pair = pairs; *pair; pair++) {
		g_auto(GStrv) halves = g_strsplit(*pair, "=", 2);
		gboolean is_time = !g_str_equal(halves[0], "periodic") &&
				   !g_str_equal(halves[0], "fired") &&
				   !g_str_equal(halves[0], "from") && !g_str_equal(halves[0], "to");
		g_autofree char *ns = in_ns(halves[1]);

		set(values, halves[0], is_time ? ns : halves[1]);
	}
	return values;
}

static char *tell(const struct story_timer *timer)
{
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "%d %d;", (int)(timer->armed_at_ns / MS),
			       (int)(timer->until_ns / MS));
	for (guint i = 0; i < timer->due->len; i++)
		g_string_append_printf(text, " %d",
				       (int)(g_array_index(timer->due, gint64, i) / MS));
	g_string_append(text, ";");
	for (guint i = 0; i < timer->firings->len; i++) {
		const struct timer_firing *firing =
			&g_array_index(timer->firings, struct timer_firing, i);

		g_string_append_printf(text, " %d%+d", (int)(firing->at_ns / MS),
				       (int)(firing->off_ns / MS));
	}
	return g_string_free(text, FALSE);
}

/* What a story has after a mark with WORDS, which the caller frees. */
static struct story *story_of(const char *words, const struct action_stats *action)
{
	struct story *story = story_new();
	struct clock_check *check = clock_check_new(NULL, 0);
	g_autoptr(GArray) actions = g_array_new(FALSE, FALSE, sizeof(*action));
	g_autoptr(GHashTable) values = mark(words);
	struct machine_line line = { .verb = "mark", .line = 7, .values = values };

	if (action)
		g_array_append_vals(actions, action, 1);
	clock_check_answered(check, 1, BEGAN + 100 * MS, 0, 0);
	clock_check_answered(check, 2, BEGAN + 1100 * MS, 0, 0);
	g_assert_true(timer_marks_add(story, check, BEGAN, actions, &line));
	clock_check_free(check);
	return story;
}

static void test_row(const void *data)
{
	const struct row *row = data;
	const struct action_stats action = {
		.started = 10 * MS, /* by CLOCK_REALTIME */
		.at_ns = (row->stopped - 20) * MS,
		.stopped = 30 * MS,
		.pause_max_ns = row->paused * MS,
	};
	g_autofree char *words = g_strconcat("from=1 to=2 ", row->mark, NULL), *told = NULL;
	struct story *story = story_of(words, row->stopped ? &action : NULL);

	g_assert_cmpuint(story->timers->len, ==, 1);
	told = tell(story->timers->pdata[0]);
	g_assert_cmpstr(told, ==, row->told);
	story_free(story);
}

/* Without the host's clock nobody knows when that was. */
static void test_unknown_answer(void)
{
	struct story *story = story_of("from=1 to=99 now=1000 armed=4 firings=", NULL);

	g_assert_cmpuint(story->timers->len, ==, 0);
	story_free(story);
}

static void test_bounded(void)
{
	g_autoptr(GString) words = g_string_new(
		"from=1 to=2 now=1000 armed=1 periodic=1 until=900 fired=900 firings=1");
	const struct story_timer *timer;
	struct story *story;

	for (int i = 2; i < 900; i++)
		g_string_append_printf(words, ",%d", i);
	story = story_of(words->str, NULL);
	timer = story->timers->pdata[0];
	g_assert_cmpuint(timer->firings->len, ==, STORY_MOST_FIRINGS);
	g_assert_cmpuint(timer->due->len, ==, STORY_MOST_DUE);
	g_assert_cmpint(g_array_index(timer->due, gint64, STORY_MOST_DUE - 1), ==, 1000 * MS);
	for (int i = 0; i < 1000; i++)
		story_add_timer(story, "t");
	g_assert_cmpuint(story->timers->len, <, 100);
	story_free(story);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strconcat("/timer-marks/", rows[i].name, NULL);

		g_test_add_data_func(path, &rows[i], test_row);
	}
	g_test_add_func("/timer-marks/unknown-answer", test_unknown_answer);
	g_test_add_func("/timer-marks/bounded", test_bounded);
	return g_test_run();
}
