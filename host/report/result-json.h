/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A result as a JSON object, for report files and for the runner outside of a lab. docs/results.md
 * lists the members.
 */
#ifndef FERRY_HOST_RESULT_JSON_H
#define FERRY_HOST_RESULT_JSON_H

#include <json-glib/json-glib.h>

#include "report/result.h"
#include "util/log-file.h"

/* Adds the members of RESULT to the object that BUILDER is in. */
void result_add_json(JsonBuilder *builder, const struct result *result);

/* The result of TEST_CASE, on ENVIRONMENT, that OBJECT describes. NULL if it describes none. */
struct result *result_from_json(JsonObject *object, const struct test_case *test_case,
				const struct environment *environment);

/* The environment has the same members in every result. */
struct environment *environment_from_json(JsonObject *object);
void environment_add_json(JsonBuilder *builder, const struct environment *environment);

/* What is the same in all results of a run: the schema, the runner's commit, the shard. */
void run_add_json(JsonBuilder *builder, const struct environment *environment);

/* Writes what BUILDER has built as one line, and frees BUILDER. */
void write_json_line(struct log_file *file, JsonBuilder *builder);

#endif
