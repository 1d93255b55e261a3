// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The runner inside a lab tells the one outside what happens. It writes JSON Lines to standard
 * output, each an object with a member `event`:
 *
 *	{"event":"environment", ...}	where these results come from
 *	{"event":"started","case":NAME}
 *	{"event":"progress","case":NAME,"doing":TEXT}
 *	{"event":"console","case":NAME,"text":TEXT}	with --verbose
 *	{"event":"ended", ...}		a result, as docs/results.md has it
 *
 * host/lab/results.c reads it.
 */
#include "report/reporter.h"
#include "report/result-json.h"
#include "util/log-file.h"

static JsonBuilder *begin_event(const char *name)
{
	JsonBuilder *builder = json_builder_new();

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "event");
	json_builder_add_string_value(builder, name);
	return builder;
}

static void send_event(struct log_file *stream, JsonBuilder *builder)
{
	json_builder_end_object(builder);
	write_json_line(stream, builder);
}

static void add_case(JsonBuilder *builder, const struct test_case *test_case)
{
	json_builder_set_member_name(builder, "case");
	json_builder_add_string_value(builder, test_case->name);
}

static void *stream_begin(const char *target, const struct environment *environment,
			  const GPtrArray *cases, GError **error)
{
	struct log_file *stream = log_file_standard_output();
	JsonBuilder *builder = begin_event("environment");

	environment_add_json(builder, environment);
	send_event(stream, builder);
	return stream;
}

static void stream_started(void *data, const struct test_case *test_case)
{
	JsonBuilder *builder = begin_event("started");

	add_case(builder, test_case);
	send_event(data, builder);
}

static void stream_progress(void *data, const struct test_case *test_case, const char *doing)
{
	JsonBuilder *builder = begin_event("progress");

	add_case(builder, test_case);
	json_builder_set_member_name(builder, "doing");
	json_builder_add_string_value(builder, doing);
	send_event(data, builder);
}

static void stream_console(void *data, const struct test_case *test_case, const char *text)
{
	JsonBuilder *builder = begin_event("console");

	add_case(builder, test_case);
	json_builder_set_member_name(builder, "text");
	json_builder_add_string_value(builder, text);
	send_event(data, builder);
}

static void stream_ended(void *data, const struct result *result)
{
	JsonBuilder *builder = begin_event("ended");

	result_add_json(builder, result);
	send_event(data, builder);
}

static gboolean stream_end(void *data, guint not_run, const char *why, GError **error)
{
	return log_file_finish(data, error);
}

const struct reporter stream_reporter = {
	.name = "stream",
	.begin = stream_begin,
	.started = stream_started,
	.progress = stream_progress,
	.console = stream_console,
	.ended = stream_ended,
	.end = stream_end,
};
