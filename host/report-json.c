// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Results as JSON Lines: one object a line, written as each case ends, so that an
 * interrupted run loses nothing. docs/results.md lists the members.
 */
#include <errno.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "log-file.h"
#include "result.h"
#include "text.h"

struct json {
	struct log_file *file;
	const struct environment *environment;
};

static void *json_begin(const char *target, const struct environment *environment, guint cases,
			GError **error)
{
	struct log_file *file =
		log_file_create(g_str_equal(target, "-") ? "/dev/stdout" : target, error);
	struct json *json;

	if (!file)
		return NULL;
	json = g_new0(struct json, 1);
	json->file = file;
	json->environment = environment;
	return json;
}

static void add_string(JsonBuilder *builder, const char *name, const char *value)
{
	if (!value)
		return;
	json_builder_set_member_name(builder, name);
	json_builder_add_string_value(builder, value);
}

static void add_number(JsonBuilder *builder, const char *name, gint64 value)
{
	json_builder_set_member_name(builder, name);
	json_builder_add_int_value(builder, value);
}

static void add_environment(JsonBuilder *builder, const struct environment *environment)
{
	add_string(builder, "host", environment->host);
	add_string(builder, "vmm", environment->vmm);
	add_string(builder, "binary", environment->binary);
	add_string(builder, "accel", environment->accel);
	add_string(builder, "kernel", environment->kernel);
	add_string(builder, "cpu", environment->cpu);
	json_builder_set_member_name(builder, "timescale");
	json_builder_add_double_value(builder, environment->timescale);
}

static void add_tests(JsonBuilder *builder, const struct result *result)
{
	json_builder_set_member_name(builder, "tests");
	json_builder_begin_array(builder);
	for (guint i = 0; result->tests && i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];

		json_builder_begin_object(builder);
		add_string(builder, "test", test->name);
		add_number(builder, "cpu", test->cpu);
		add_number(builder, "round", test->round);
		add_string(builder, "verdict", test->verdict);
		add_number(builder, "checks", test->checks);
		add_string(builder, "reason", test->reason);
		add_number(builder, "duration_ns", test->duration_ns);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void add_marks(JsonBuilder *builder, const struct result *result)
{
	json_builder_set_member_name(builder, "marks");
	json_builder_begin_array(builder);
	for (guint i = 0; result->marks && i < result->marks->len; i++) {
		const struct mark *mark = result->marks->pdata[i];
		GHashTableIter iterator;
		gpointer key, value;

		json_builder_begin_object(builder);
		g_hash_table_iter_init(&iterator, mark->values);
		while (g_hash_table_iter_next(&iterator, &key, &value))
			add_string(builder, key, value);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void add_moves(JsonBuilder *builder, const struct result *result)
{
	json_builder_set_member_name(builder, "moves");
	json_builder_begin_array(builder);
	for (guint i = 0; result->moves && i < result->moves->len; i++) {
		const struct move_stats *move =
			&g_array_index(result->moves, struct move_stats, i);

		json_builder_begin_object(builder);
		add_number(builder, "started_ns", move->started);
		add_number(builder, "total_ns", move->total_ns);
		add_number(builder, "pause_min_ns", move->pause_min_ns);
		add_number(builder, "pause_max_ns", move->pause_max_ns);
		add_number(builder, "bytes", move->bytes);
		add_number(builder, "passes", move->passes);
		add_number(builder, "pages_sent", move->pages_sent);
		add_number(builder, "pages_in_ram", move->pages_in_ram);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void json_ended(void *data, const struct result *result)
{
	struct json *json = data;
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonNode) root = NULL;
	g_autofree char *text = NULL, *line = NULL;

	json_builder_begin_object(builder);
	add_string(builder, "case", result->test_case->name);
	add_string(builder, "program", result->test_case->program->name);
	add_string(builder, "plan", result->test_case->plan->name);
	add_string(builder, "verdict", verdict_name(result->verdict));
	add_string(builder, "reason", result->reason);
	add_string(builder, "detail", result->detail);
	add_string(builder, "logs", result->logdir);
	add_number(builder, "seed", result->test_case->seed);
	add_number(builder, "duration_ns", result->duration_ns);
	add_number(builder, "checks", result->checks);
	add_number(builder, "checks_skipped", result->skipped_checks);
	add_environment(builder, json->environment);
	add_tests(builder, result);
	add_marks(builder, result);
	add_moves(builder, result);
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
