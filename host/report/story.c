// SPDX-License-Identifier: GPL-2.0-or-later
/* Makes and frees the story of a case. See story.h. */
#include "report/story.h"

/* If there are more points, every second one is dropped, again and again. */
#define MOST_POINTS 128
#define MOST_CLOCKS 32
#define MOST_TIMERS 64

static void line_free(struct story_line *line)
{
	g_free(line->text);
	g_free(line);
}

static void clock_free(struct story_clock *clock)
{
	g_free(clock->name);
	g_array_unref(clock->points);
	g_free(clock);
}

static void timer_free(struct story_timer *timer)
{
	g_free(timer->name);
	g_array_unref(timer->due);
	g_array_unref(timer->firings);
	g_free(timer);
}

struct story *story_new(void)
{
	struct story *story = g_new0(struct story, 1);

	story->console = g_ptr_array_new_with_free_func((GDestroyNotify)line_free);
	story->control = g_ptr_array_new_with_free_func((GDestroyNotify)line_free);
	story->clocks = g_ptr_array_new_with_free_func((GDestroyNotify)clock_free);
	story->timers = g_ptr_array_new_with_free_func((GDestroyNotify)timer_free);
	return story;
}

void story_free(struct story *story)
{
	if (!story)
		return;
	g_ptr_array_unref(story->console);
	g_ptr_array_unref(story->control);
	g_ptr_array_unref(story->clocks);
	g_ptr_array_unref(story->timers);
	g_free(story);
}

struct story_line *story_add_line(GPtrArray *lines, gint64 at_ns, unsigned number, char *text)
{
	struct story_line *line = g_new0(struct story_line, 1);

	line->at_ns = at_ns;
	line->number = number;
	line->text = text;
	g_ptr_array_add(lines, line);
	return line;
}

struct story_clock *story_add_clock(struct story *story, const char *name)
{
	struct story_clock *clock;

	if (story->clocks->len >= MOST_CLOCKS)
		return NULL;
	clock = g_new0(struct story_clock, 1);
	clock->name = g_strdup(name);
	clock->points = g_array_new(FALSE, FALSE, sizeof(struct clock_point));
	clock->stride = 1;
	g_ptr_array_add(story->clocks, clock);
	return clock;
}

struct story_timer *story_add_timer(struct story *story, const char *name)
{
	struct story_timer *timer = g_new0(struct story_timer, 1);

	timer->name = g_strdup(name);
	timer->firings = g_array_new(FALSE, FALSE, sizeof(struct timer_firing));
	timer->due = g_array_new(FALSE, FALSE, sizeof(gint64));
	if (story->timers->len >= MOST_TIMERS)
		g_ptr_array_remove_index(story->timers, 0);
	g_ptr_array_add(story->timers, timer);
	return timer;
}

static void thin_out(struct story_clock *clock)
{
	guint kept = 0;

	for (guint i = 0; i < clock->points->len; i += 2)
		g_array_index(clock->points, struct clock_point, kept++) =
			g_array_index(clock->points, struct clock_point, i);
	g_array_set_size(clock->points, kept);
	clock->stride *= 2;
}

void story_add_point(struct story_clock *clock, const struct clock_point *point)
{
	/* The last point is replaced until it is one of those that are kept. */
	if (clock->skipped && clock->points->len)
		g_array_set_size(clock->points, clock->points->len - 1);
	if (clock->points->len >= MOST_POINTS)
		thin_out(clock);
	g_array_append_val(clock->points, *point);
	clock->skipped = (clock->skipped + 1) % clock->stride;
}
