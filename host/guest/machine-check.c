// SPDX-License-Identifier: GPL-2.0-or-later
/* See machine-check.h. The guest decides which registers it reports. */
#include <string.h>

#include "guest/machine-check.h"
#include "util/text.h"

struct machine_check {
	GHashTable *first; /* whose registers: "CPU 1", "8254" -> key -> value */
	GHashTable *told;  /* "CPU 1 KEY" of each complaint */
};

struct machine_check *machine_check_new(void)
{
	struct machine_check *check = g_new0(struct machine_check, 1);

	check->first = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					     (GDestroyNotify)g_hash_table_unref);
	check->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return check;
}

void machine_check_free(struct machine_check *check)
{
	g_hash_table_unref(check->first);
	g_hash_table_unref(check->told);
	g_free(check);
}

static char *describe(const char *value, const char *otherwise)
{
	return value ? text_printable(value, -1) : g_strdup(otherwise);
}

static gboolean differs(const char *key, GHashTable *first, GHashTable *now)
{
	return g_strcmp0(g_hash_table_lookup(first, key), g_hash_table_lookup(now, key)) != 0;
}

static void add_difference(GString *text, const char *key, GHashTable *first, GHashTable *now)
{
	const char *was = g_hash_table_lookup(first, key), *is = g_hash_table_lookup(now, key);
	g_autofree char *was_text = describe(was, "not there");
	g_autofree char *is_text = describe(is, "not there");

	g_string_append_printf(text, "%s%s is %s and was %s at the first boot",
			       text->len ? "; " : "", key, is_text, was_text);
}

/* The keys of both, sorted and without repetitions. */
static GList *all_keys(GHashTable *first, GHashTable *now)
{
	GList *keys = g_hash_table_get_keys(first), *more = g_hash_table_get_keys(now);

	for (GList *key = more; key; key = key->next)
		if (!g_hash_table_contains(first, key->data))
			keys = g_list_prepend(keys, key->data);
	g_list_free(more);
	return g_list_sort(keys, (GCompareFunc)strcmp);
}

/* Whose registers these are: "CPU 1", or a device's name. The caller frees it. */
static char *whose(const struct machine_line *line)
{
	const char *device = machine_line_value(line, "device");
	g_autofree char *cpu = NULL;

	if (device)
		return text_printable(device, -1);
	cpu = describe(machine_line_value(line, "cpu"), "?");
	return g_strconcat("CPU ", cpu, NULL);
}

char *machine_check_line(struct machine_check *check, const struct machine_line *line)
{
	g_autofree char *owner = whose(line);
	GHashTable *first = g_hash_table_lookup(check->first, owner);
	g_autoptr(GList) keys = NULL;
	GString *text;
	char *problem = NULL;

	if (!first) {
		g_hash_table_insert(check->first, g_steal_pointer(&owner),
				    g_hash_table_ref(line->values));
		return NULL;
	}
	text = g_string_new(NULL);
	keys = all_keys(first, line->values);
	for (GList *key = keys; key; key = key->next)
		if (differs(key->data, first, line->values) &&
		    g_hash_table_add(check->told,
				     g_strdup_printf("%s %s", owner, (char *)key->data)))
			add_difference(text, key->data, first, line->values);
	if (text->len)
		problem = g_strdup_printf("the machine was not reset: %s: %s (console line %u)",
					  owner, text->str, line->line);
	g_string_free(text, TRUE);
	return problem;
}
