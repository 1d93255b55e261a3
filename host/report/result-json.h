/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A result as a JSON object: for the files that users read, and between runners. */
#ifndef FERRY_HOST_RESULT_JSON_H
#define FERRY_HOST_RESULT_JSON_H

#include <json-glib/json-glib.h>

#include "report/result.h"
#include "util/log-file.h"

/* Adds the members of RESULT to the object that BUILDER is in. */
void result_add_json(JsonBuilder *builder, const struct result *result);

/*
 * The result of TEST_CASE that OBJECT describes, reached on ENVIRONMENT. NULL if it
 * is not a result.
 */
struct result *result_from_json(JsonObject *object, const struct test_case *test_case,
				const struct environment *environment);

/* What every result was reached on, out of the same members. */
struct environment *environment_from_json(JsonObject *object);
void environment_add_json(JsonBuilder *builder, const struct environment *environment);

/* Writes what BUILDER has built as one line, and frees BUILDER. */
void write_json_line(struct log_file *file, JsonBuilder *builder);

#endif
