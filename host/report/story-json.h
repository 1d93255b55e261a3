/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The story of a case as a member `story` of its JSON object (docs/results.md). */
#ifndef FERRY_HOST_REPORT_STORY_JSON_H
#define FERRY_HOST_REPORT_STORY_JSON_H

#include <json-glib/json-glib.h>

#include "report/story.h"

/* Adds the member `story` to the object that BUILDER is in, unless STORY is NULL. */
void story_add_json(JsonBuilder *builder, const struct story *story);

/* The story that OBJECT describes; NULL if OBJECT is NULL. The caller frees it. */
struct story *story_from_json(JsonObject *object);

/* Adds an array with the four times of POINT, divided by UNIT. */
void story_add_clock_point_json(JsonBuilder *builder, const struct clock_point *point, gint64 unit);
/*
 * Adds when TIMER was due, as the member DUE_NAME, and its `firings`. Times are divided by UNIT.
 */
void story_add_timer_times_json(JsonBuilder *builder, const struct story_timer *timer,
				const char *due_name, gint64 unit);

#endif
