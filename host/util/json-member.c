// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads members of JSON objects, and checks their types. See json-member.h. */
#include "util/json-member.h"

static JsonNode *member(JsonObject *object, const char *name)
{
	return object ? json_object_get_member(object, name) : NULL;
}

JsonObject *member_object(JsonObject *object, const char *name)
{
	JsonNode *node = member(object, name);

	return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

JsonArray *member_array(JsonObject *object, const char *name)
{
	JsonNode *node = member(object, name);

	return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

const char *member_string(JsonObject *object, const char *name)
{
	JsonNode *node = member(object, name);

	return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node)
								       : NULL;
}

gint64 member_number(JsonObject *object, const char *name)
{
	JsonNode *node = member(object, name);

	/* A string would read as 0. */
	return node && JSON_NODE_HOLDS_VALUE(node) && !member_string(object, name)
		       ? json_node_get_int(node)
		       : -1;
}
