/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Members of a JSON object that came from another process, which may have sent anything. OBJECT
 * may be NULL. What is returned lives as long as OBJECT does.
 */
#ifndef FERRY_HOST_UTIL_JSON_MEMBER_H
#define FERRY_HOST_UTIL_JSON_MEMBER_H

#include <json-glib/json-glib.h>

/* NULL if there is no such member, or it is of another type. */
JsonObject *member_object(JsonObject *object, const char *name);
JsonArray *member_array(JsonObject *object, const char *name);
const char *member_string(JsonObject *object, const char *name);

/*
 * A number without its fraction, or 1 for true and 0 for false. -1 if there is no such member, or
 * it is of another type.
 */
gint64 member_number(JsonObject *object, const char *name);

#endif
