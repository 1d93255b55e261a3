// SPDX-License-Identifier: GPL-2.0-or-later
/* host/util/json-member.c: members of each JSON type are read as each type. */
#include "util/json-member.h"

#define OBJECT                                                                                     \
	"{\"number\": 7, \"below\": -7, \"fraction\": 7.9, \"true\": true, \"false\": false, "     \
	"\"string\": \"7\", \"null\": null, \"array\": [7], \"object\": {\"number\": 7}}"

static void test_types(void)
{
	static const struct {
		const char *name;
		gint64 number;
		const char *string;
		gboolean is_array, is_object;
	} rows[] = {
		{ .name = "number", .number = 7 },
		{ .name = "below", .number = -7 },
		{ .name = "fraction", .number = 7 },
		{ .name = "true", .number = 1 },
		{ .name = "false", .number = 0 },
		{ .name = "string", .number = -1, .string = "7" },
		{ .name = "null", .number = -1 },
		{ .name = "array", .number = -1, .is_array = TRUE },
		{ .name = "object", .number = -1, .is_object = TRUE },
		{ .name = "missing", .number = -1 },
	};
	g_autoptr(JsonNode) root = json_from_string(OBJECT, NULL);
	JsonObject *object = json_node_get_object(root);

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const char *name = rows[i].name;

		g_test_message("%s", name);
		g_assert_cmpint(member_number(object, name), ==, rows[i].number);
		g_assert_cmpstr(member_string(object, name), ==, rows[i].string);
		g_assert_cmpint(member_array(object, name) != NULL, ==, rows[i].is_array);
		g_assert_cmpint(member_object(object, name) != NULL, ==, rows[i].is_object);
	}
}

static void test_no_object(void)
{
	g_assert_cmpint(member_number(NULL, "x"), ==, -1);
	g_assert_null(member_string(NULL, "x"));
	g_assert_null(member_array(NULL, "x"));
	g_assert_null(member_object(NULL, "x"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/json-member/types", test_types);
	g_test_add_func("/json-member/no-object", test_no_object);
	return g_test_run();
}
