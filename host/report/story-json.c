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

void story_add_json(JsonBuilder *builder, const struct story *story)
{
	if (!story)
		return;
	json_builder_set_member_name(builder, "story");
	json_builder_begin_object(builder);
	add_lines(builder, "console", story->console);
	add_lines(builder, "control", story->control);
	add_clocks(builder, story->clocks);
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

static void read_point(struct story_clock *clock, JsonArray *numbers)
{
	gint64 values[4] = { 0 };
	struct clock_point point;

	for (guint i = 0; i < MIN(json_array_get_length(numbers), G_N_ELEMENTS(values)); i++) {
		JsonNode *node = json_array_get_element(numbers, i);

		values[i] = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_int(node) : 0;
	}
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

struct story *story_from_json(JsonObject *object)
{
	struct story *story;

	if (!object)
		return NULL;
	story = story_new();
	read_lines(object, "console", story->console);
	read_lines(object, "control", story->control);
	read_clocks(story, member_array(object, "clocks"));
	return story;
}
