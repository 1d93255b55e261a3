// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Results as JSON Lines: one object a line, written as each case ends, so that an
 * interrupted run loses nothing. docs/results.md lists the members.
 */
#include <string.h>

#include "util/log-file.h"
#include "report/result-json.h"
#include "util/text.h"

struct json {
	struct log_file *file;
};

static void *json_begin(const char *target, const struct environment *environment, guint cases,
			GError **error)
{
	struct log_file *file = g_str_equal(target, "-") ? log_file_standard_output()
							 : log_file_create(target, error);
	struct json *json;

	if (!file)
		return NULL;
	json = g_new0(struct json, 1);
	json->file = file;
	return json;
}

static void json_ended(void *data, const struct result *result)
{
	struct json *json = data;
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonNode) root = NULL;
	g_autofree char *text = NULL, *line = NULL;

	json_builder_begin_object(builder);
	result_add_json(builder, result);
	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	text = json_to_string(root, FALSE);
	line = g_strconcat(text, "\n", NULL);
	log_file_write(json->file, line, strlen(line));
}

static gboolean json_end(void *data, guint not_run, GError **error)
{
	struct json *json = data;
	gboolean written = !log_file_problem(json->file);

	if (!written)
		g_set_error_literal(error, FERRY_ERROR, 0, log_file_problem(json->file));
	log_file_close(json->file);
	g_free(json);
	return written;
}

const struct reporter json_reporter = {
	.begin = json_begin,
	.ended = json_ended,
	.end = json_end,
};
