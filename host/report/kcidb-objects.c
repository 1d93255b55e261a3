// SPDX-License-Identifier: GPL-2.0-or-later
/* Makes objects of KCIDB's schema. See kcidb-objects.h. */
#include "report/kcidb-objects.h"

void kcidb_add(JsonBuilder *builder, const char *name, const char *value)
{
	if (!value)
		return;
	json_builder_set_member_name(builder, name);
	json_builder_add_string_value(builder, value);
}

JsonBuilder *kcidb_begin_object(const char *origin, const char *id)
{
	JsonBuilder *builder = json_builder_new();

	json_builder_begin_object(builder);
	kcidb_add(builder, "id", id);
	kcidb_add(builder, "origin", origin);
	return builder;
}

void kcidb_end_object(JsonBuilder *builder, GString *text, gboolean some)
{
	g_autoptr(JsonNode) root = NULL;
	g_autofree char *json = NULL;

	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	json = json_to_string(root, FALSE);
	g_string_append_printf(text, "%s\n%s", some ? "," : "", json);
	g_object_unref(builder);
}

void kcidb_list_init(struct kcidb_list *list, const char *origin)
{
	list->origin = origin;
	list->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	list->text = g_string_new(NULL);
}

void kcidb_list_clear(struct kcidb_list *list)
{
	g_hash_table_unref(list->ids);
	g_string_free(list->text, TRUE);
}

JsonBuilder *kcidb_list_begin(struct kcidb_list *list, const char *id)
{
	return g_hash_table_add(list->ids, g_strdup(id)) ? kcidb_begin_object(list->origin, id)
							 : NULL;
}

void kcidb_list_end(struct kcidb_list *list, JsonBuilder *builder)
{
	kcidb_end_object(builder, list->text, list->text->len > 0);
}
