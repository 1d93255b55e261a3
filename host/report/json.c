// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Results as JSON Lines: one object a line, written as each case ends, so that an interrupted run
 * loses nothing. docs/results.md lists the members.
 */
#include "report/reporter.h"
#include "report/result-json.h"
#include "util/log-file.h"

static void *json_begin(const char *target, const struct environment *environment,
			const GPtrArray *cases, GError **error)
{
	return g_str_equal(target, "-") ? log_file_standard_output()
					: log_file_create(target, error);
}

static void json_ended(void *data, const struct result *result)
{
	JsonBuilder *builder = json_builder_new();

	json_builder_begin_object(builder);
	result_add_json(builder, result);
	json_builder_end_object(builder);
	write_json_line(data, builder);
}

static gboolean json_end(void *data, guint not_run, const char *why, GError **error)
{
	return log_file_finish(data, error);
}

const struct reporter json_reporter = {
	.name = "json",
	.about = "Write results as JSON Lines",
	.takes_file = TRUE,
	.begin = json_begin,
	.ended = json_ended,
	.end = json_end,
};
