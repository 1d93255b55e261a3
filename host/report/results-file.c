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

/* What a caller wants to know. One of the functions is NULL. */
struct wanted {
	void (*result)(void *data, const struct result *result);
	void (*not_run)(void *data, const char *name);
	void *data;
};

static void read_not_run(JsonArray *names, const struct wanted *wanted)
{
	for (guint i = 0; wanted->not_run && i < json_array_get_length(names); i++) {
		JsonNode *node = json_array_get_element(names, i);
		const char *name = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;

		if (name)
			wanted->not_run(wanted->data, name);
	}
}

static void ignore(void *data, const struct result *result)
{
}

static gboolean read_line(const char *line, const struct wanted *wanted)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	JsonNode *root;
	JsonObject *object;
	JsonArray *not_run;

	if (!json_parser_load_from_data(parser, line, -1, NULL) ||
	    !(root = json_parser_get_root(parser)) || !JSON_NODE_HOLDS_OBJECT(root))
		return FALSE;
	object = json_node_get_object(root);
	not_run = member_array(object, "not_run");
	if (!not_run)
		return read_result(object, wanted->result ?: ignore, wanted->data);
	read_not_run(not_run, wanted);
	return TRUE;
}

static gboolean read_file(const char *path, const struct wanted *wanted, GError **error)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, error))
		return FALSE;
	lines = g_strsplit(text, "\n", -1);
	/* What follows the last newline is empty, or was cut off. */
	for (guint i = 0; lines[i] && lines[i + 1]; i++) {
		if (read_line(lines[i], wanted))
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
	const struct wanted wanted = { .result = each, .data = data };

	return read_file(path, &wanted, error);
}

gboolean results_file_not_run(const char *path, void (*each)(void *data, const char *name),
			      void *data, GError **error)
{
	const struct wanted wanted = { .not_run = each, .data = data };

	return read_file(path, &wanted, error);
}
