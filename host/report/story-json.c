// SPDX-License-Identifier: GPL-2.0-or-later
/* Turns the story of a case into JSON and back. docs/results.md lists the members. */
#include "report/story-json.h"
#include "util/json-member.h"

static void add_number(JsonBuilder *builder, const char *name, gint64 value)
{
	json_builder_set_member_name(builder, name);
	json_builder_add_int_value(builder, value);
}

static void add_lines(JsonBuilder *builder, const char *name, const GPtrArray *lines)
{
	if (!lines->len)
		return;
	json_builder_set_member_name(builder, name);
	json_builder_begin_array(builder);
	for (guint i = 0; i < lines->len; i++) {
		const struct story_line *line = lines->pdata[i];

		json_builder_begin_object(builder);
		add_number(builder, "at_ns", line->at_ns);
		if (line->number)
			add_number(builder, "line", line->number);
		if (line->is_cause)
			add_number(builder, "cause", 1);
		json_builder_set_member_name(builder, "text");
		json_builder_add_string_value(builder, line->text);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

void story_add_clock_point_json(JsonBuilder *builder, const struct clock_point *point, gint64 unit)
{
	json_builder_begin_array(builder);
	json_builder_add_int_value(builder, point->at_ns / unit);
	json_builder_add_int_value(builder, point->least_ns / unit);
	json_builder_add_int_value(builder, point->most_ns / unit);
	json_builder_add_int_value(builder, point->held_ns / unit);
	json_builder_end_array(builder);
}

static void add_clocks(JsonBuilder *builder, const GPtrArray *clocks)
{
	if (!clocks->len)
		return;
	json_builder_set_member_name(builder, "clocks");
	json_builder_begin_array(builder);
	for (guint i = 0; i < clocks->len; i++) {
		const struct story_clock *clock = clocks->pdata[i];

		json_builder_begin_object(builder);
		json_builder_set_member_name(builder, "clock");
		json_builder_add_string_value(builder, clock->name);
		json_builder_set_member_name(builder, "points");
		json_builder_begin_array(builder);
		for (guint j = 0; j < clock->points->len; j++)
			story_add_clock_point_json(
				builder, &g_array_index(clock->points, struct clock_point, j), 1);
		json_builder_end_array(builder);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

void story_add_timer_times_json(JsonBuilder *builder, const struct story_timer *timer,
				const char *due_name, gint64 unit)
{
	json_builder_set_member_name(builder, due_name);
	json_builder_begin_array(builder);
	for (guint i = 0; i < timer->due->len; i++)
		json_builder_add_int_value(builder, g_array_index(timer->due, gint64, i) / unit);
	json_builder_end_array(builder);
	json_builder_set_member_name(builder, "firings");
	json_builder_begin_array(builder);
	for (guint i = 0; i < timer->firings->len; i++) {
		const struct timer_firing *firing =
			&g_array_index(timer->firings, struct timer_firing, i);

		json_builder_begin_array(builder);
		json_builder_add_int_value(builder, firing->at_ns / unit);
		json_builder_add_int_value(builder, firing->off_ns / unit);
		json_builder_end_array(builder);
	}
	json_builder_end_array(builder);
}

static void add_timers(JsonBuilder *builder, const GPtrArray *timers)
{
	if (!timers->len)
		return;
	json_builder_set_member_name(builder, "timers");
	json_builder_begin_array(builder);
	for (guint i = 0; i < timers->len; i++) {
		const struct story_timer *timer = timers->pdata[i];

		json_builder_begin_object(builder);
		json_builder_set_member_name(builder, "timer");
		json_builder_add_string_value(builder, timer->name);
		add_number(builder, "armed_at_ns", timer->armed_at_ns);
		add_number(builder, "armed_ns", timer->armed_ns);
		if (timer->is_periodic)
			add_number(builder, "periodic", 1);
		add_number(builder, "until_ns", timer->until_ns);
		add_number(builder, "fired", timer->fired);
		story_add_timer_times_json(builder, timer, "due_at_ns", 1);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

void story_add_json(JsonBuilder *builder, const struct story *story)
{
	if (!story)
		return;
	json_builder_set_member_name(builder, "story");
	json_builder_begin_object(builder);
	add_lines(builder, "console", story->console);
	add_lines(builder, "control", story->control);
	add_clocks(builder, story->clocks);
	add_timers(builder, story->timers);
	json_builder_end_object(builder);
}

/* ---- from JSON ---- */

static void read_lines(JsonObject *object, const char *name, GPtrArray *lines)
{
	JsonArray *array = member_array(object, name);

	for (guint i = 0; array && i < json_array_get_length(array); i++) {
		JsonNode *node = json_array_get_element(array, i);
		JsonObject *line = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
		const char *text = member_string(line, "text");

		if (text)
			story_add_line(lines, MAX(0, member_number(line, "at_ns")),
				       MAX(0, member_number(line, "line")), g_strdup(text))
				->is_cause = member_number(line, "cause") > 0;
	}
}

/* Those that are missing stay as they are. */
static void read_numbers(JsonArray *numbers, gint64 *values, guint count)
{
	for (guint i = 0; i < MIN(json_array_get_length(numbers), count); i++) {
		JsonNode *node = json_array_get_element(numbers, i);

		values[i] = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_int(node) : 0;
	}
}

static void read_point(struct story_clock *clock, JsonArray *numbers)
{
	gint64 values[4] = { 0 };
	struct clock_point point;

	read_numbers(numbers, values, G_N_ELEMENTS(values));
	point = (struct clock_point){ values[0], values[1], values[2], values[3] };
	story_add_point(clock, &point);
}

static void read_clocks(struct story *story, JsonArray *clocks)
{
	for (guint i = 0; clocks && i < json_array_get_length(clocks); i++) {
		JsonNode *node = json_array_get_element(clocks, i);
		JsonObject *object =
			JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
		JsonArray *points = member_array(object, "points");
		const char *name = member_string(object, "clock");
		struct story_clock *clock = name ? story_add_clock(story, name) : NULL;

		for (guint j = 0; clock && points && j < json_array_get_length(points); j++) {
			JsonNode *point = json_array_get_element(points, j);

			if (JSON_NODE_HOLDS_ARRAY(point))
				read_point(clock, json_node_get_array(point));
		}
	}
}

static void read_due(struct story_timer *timer, JsonArray *due)
{
	gint64 values[STORY_MOST_DUE];
	guint count = due ? MIN(json_array_get_length(due), STORY_MOST_DUE) : 0;

	if (!count)
		return;
	read_numbers(due, values, count);
	g_array_append_vals(timer->due, values, count);
}

static void read_firings(struct story_timer *timer, JsonArray *firings)
{
	for (guint i = 0; firings && i < MIN(json_array_get_length(firings), STORY_MOST_FIRINGS);
	     i++) {
		JsonNode *node = json_array_get_element(firings, i);
		gint64 values[2] = { 0 };
		struct timer_firing firing;

		if (!JSON_NODE_HOLDS_ARRAY(node))
			continue;
		read_numbers(json_node_get_array(node), values, G_N_ELEMENTS(values));
		firing = (struct timer_firing){ MAX(0, values[0]), values[1] };
		g_array_append_val(timer->firings, firing);
	}
}

static void read_timers(struct story *story, JsonArray *timers)
{
	for (guint i = 0; timers && i < json_array_get_length(timers); i++) {
		JsonNode *node = json_array_get_element(timers, i);
		JsonObject *object =
			JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
		const char *name = member_string(object, "timer");
		struct story_timer *timer = name ? story_add_timer(story, name) : NULL;

		if (!timer)
			continue;
		timer->armed_at_ns = MAX(0, member_number(object, "armed_at_ns"));
		timer->armed_ns = MAX(0, member_number(object, "armed_ns"));
		timer->is_periodic = member_number(object, "periodic") > 0;
		timer->until_ns = MAX(0, member_number(object, "until_ns"));
		timer->fired = MAX(0, member_number(object, "fired"));
		read_due(timer, member_array(object, "due_at_ns"));
		read_firings(timer, member_array(object, "firings"));
	}
}

struct story *story_from_json(JsonObject *object)
{
	struct story *story;

	if (!object)
		return NULL;
	story = story_new();
	read_lines(object, "console", story->console);
	read_lines(object, "control", story->control);
	read_clocks(story, member_array(object, "clocks"));
	read_timers(story, member_array(object, "timers"));
	return story;
}
