// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads back what --json has written. See results-file.h. */
#include "report/result-json.h"
#include "report/results-file.h"
#include "util/json-member.h"
#include "util/text.h"

/* What the case's plan does, as its first action tells. Older files do not tell. */
static const char *first_action(JsonObject *object)
{
	JsonArray *moves = member_array(object, "moves");
	JsonNode *first =
		moves && json_array_get_length(moves) ? json_array_get_element(moves, 0) : NULL;
	const char *action = first && JSON_NODE_HOLDS_OBJECT(first)
				     ? member_string(json_node_get_object(first), "action")
				     : NULL;

	return action ? action : "action";
}

/* FALSE if OBJECT is no result. */
static gboolean read_result(JsonObject *object,
			    void (*each)(void *data, const struct result *result), void *data)
{
	struct program program = { .name = (char *)member_string(object, "program") };
	struct test_case test_case = {
		.program = &program,
		.name = (char *)member_string(object, "case"),
		.log_name = test_case.name,
		.plan_name = member_string(object, "plan"),
		.action = first_action(object),
	};
	struct environment *environment;
	struct result *result;

	if (!program.name || !test_case.name || !test_case.plan_name ||
	    !member_string(object, "host") || !member_string(object, "accel"))
		return FALSE;
	environment = environment_from_json(object);
	test_case.host = environment->host;
	result = result_from_json(object, &test_case, environment);
	if (result) {
		each(data, result);
		result_free(result);
	}
	environment_free(environment);
	return result != NULL;
}

static void read_not_run(JsonObject *object, JsonArray *names,
			 void (*each)(void *data, const char *name, const char *why), void *data)
{
	const char *why = member_string(object, "why");

	for (guint i = 0; i < json_array_get_length(names); i++) {
		JsonNode *node = json_array_get_element(names, i);
		const char *name = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;

		if (name)
			each(data, name, why);
	}
}

static gboolean read_line(const char *line, void (*each)(void *data, const struct result *result),
			  void (*not_run)(void *data, const char *name, const char *why),
			  void *data)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	JsonNode *root;
	JsonArray *names;

	if (!json_parser_load_from_data(parser, line, -1, NULL) ||
	    !(root = json_parser_get_root(parser)) || !JSON_NODE_HOLDS_OBJECT(root))
		return FALSE;
	names = member_array(json_node_get_object(root), "not_run");
	if (!names)
		return read_result(json_node_get_object(root), each, data);
	if (not_run)
		read_not_run(json_node_get_object(root), names, not_run, data);
	return TRUE;
}

gboolean results_file_read_all(const char *path,
			       void (*each)(void *data, const struct result *result),
			       void (*not_run)(void *data, const char *name, const char *why),
			       void *data, GError **error)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, error))
		return FALSE;
	lines = g_strsplit(text, "\n", -1);
	/* What follows the last newline is empty, or was cut off. */
	for (guint i = 0; lines[i] && lines[i + 1]; i++) {
		if (read_line(lines[i], each, not_run, data))
			continue;
		g_set_error(
			error, FERRY_ERROR, 0,
			"%s:%u: this is no result; give files that 'ferry run --json FILE' wrote",
			path, i + 1);
		return FALSE;
	}
	return TRUE;
}

gboolean results_file_read(const char *path, void (*each)(void *data, const struct result *result),
			   void *data, GError **error)
{
	return results_file_read_all(path, each, NULL, data, error);
}
