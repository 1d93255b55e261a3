// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Results as JSON Lines: one object a line, written as each case ends, so that an interrupted run
 * loses nothing. docs/results.md lists the members.
 */
#include "report/reporter.h"
#include "report/result-json.h"
#include "util/log-file.h"

struct json {
	struct log_file *file;
	const struct environment *environment;
};

static void *json_begin(const char *target, const struct environment *environment,
			const GPtrArray *cases, GError **error)
{
	struct log_file *file = g_str_equal(target, "-") ? log_file_standard_output()
							 : log_file_create(target, error);
	struct json *json;

	if (!file)
		return NULL;
	json = g_new0(struct json, 1);
	json->file = file;
	json->environment = environment;
	return json;
}

static void json_ended(void *data, const struct result *result)
{
	struct json *json = data;
	JsonBuilder *builder = json_builder_new();

	json_builder_begin_object(builder);
	result_add_json(builder, result);
	run_add_json(builder, json->environment);
	json_builder_end_object(builder);
	write_json_line(json->file, builder);
}

static gboolean json_end(void *data, guint not_run, const char *why, GError **error)
{
	struct json *json = data;
	gboolean complete = log_file_finish(json->file, error);

	g_free(json);
	return complete;
}

const struct reporter json_reporter = {
	.name = "json",
	.about = "Write results as JSON Lines",
	.takes_file = TRUE,
	.begin = json_begin,
	.ended = json_ended,
	.end = json_end,
};
