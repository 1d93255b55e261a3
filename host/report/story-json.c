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

void story_add_json(JsonBuilder *builder, const struct story *story)
{
	if (!story)
		return;
	json_builder_set_member_name(builder, "story");
	json_builder_begin_object(builder);
	add_lines(builder, "console", story->console);
	add_lines(builder, "control", story->control);
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

struct story *story_from_json(JsonObject *object)
{
	struct story *story;

	if (!object)
		return NULL;
	story = story_new();
	read_lines(object, "console", story->console);
	read_lines(object, "control", story->control);
	return story;
}
