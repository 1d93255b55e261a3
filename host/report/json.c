// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Results as JSON Lines: one object a line, written as each case ends, so that an interrupted run
 * loses nothing. A last line names the cases that did not run. docs/results.md lists the members.
 */
#include "report/reporter.h"
#include "report/result-json.h"
#include "util/log-file.h"

struct json {
	struct log_file *file;
	const struct environment *environment;
	const GPtrArray *cases;
	GHashTable *ended; /* of struct test_case */
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
	json->cases = cases;
	json->ended = g_hash_table_new(NULL, NULL);
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
	g_hash_table_add(json->ended, (gpointer)result->test_case);
}

/* Names the cases that did not run, so that --rerun runs them, too. */
static void write_not_run(struct json *json, const char *why)
{
	JsonBuilder *builder = json_builder_new();

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "not_run");
	json_builder_begin_array(builder);
	for (guint i = 0; i < json->cases->len; i++) {
		const struct test_case *test_case = json->cases->pdata[i];
		g_autofree char *name = NULL;

		if (g_hash_table_contains(json->ended, test_case))
			continue;
		name = g_strdup_printf("%s/%s", test_case->program->name, test_case->plan_name);
		json_builder_add_string_value(builder, name);
	}
	json_builder_end_array(builder);
	json_builder_set_member_name(builder, "why");
	json_builder_add_string_value(builder, why);
	json_builder_end_object(builder);
	write_json_line(json->file, builder);
}

static gboolean json_end(void *data, guint not_run, const char *why, GError **error)
{
	struct json *json = data;
	gboolean complete;

	if (not_run)
		write_not_run(json, why);
	complete = log_file_finish(json->file, error);
	g_hash_table_unref(json->ended);
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
