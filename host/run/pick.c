// SPDX-License-Identifier: GPL-2.0-or-later
/* Picks cases by name. See pick.h. */
#include <string.h>

#include "run/pick.h"
#include "util/text.h"

char **pick_patterns(char **names)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	GPtrArray *patterns = g_ptr_array_new();

	for (char **name = names; name && *name; name++) {
		char *pattern = g_strndup(*name, strcspn(*name, "#"));

		if (g_hash_table_add(seen, pattern))
			g_ptr_array_add(patterns, pattern);
		else
			g_free(pattern);
	}
	g_ptr_array_add(patterns, NULL);
	return (char **)g_ptr_array_free(patterns, FALSE);
}

GPtrArray *pick_cases(GPtrArray *cases, char **names, GError **error)
{
	GPtrArray *picked = g_ptr_array_new_with_free_func((GDestroyNotify)test_case_free);
	/* Cases that are picked leave it; it frees the others. */
	g_autoptr(GHashTable) rest = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
							   (GDestroyNotify)test_case_free);

	g_ptr_array_set_free_func(cases, NULL);
	for (guint i = 0; i < cases->len; i++)
		g_hash_table_insert(rest, ((struct test_case *)cases->pdata[i])->name,
				    cases->pdata[i]);
	g_ptr_array_unref(cases);
	for (char **name = names; name && *name; name++) {
		gpointer test_case;

		if (!g_hash_table_steal_extended(rest, *name, NULL, &test_case)) {
			g_set_error(error, FERRY_ERROR, 0,
				    "there is no case '%s', or it is named twice", *name);
			g_ptr_array_unref(picked);
			return NULL;
		}
		g_ptr_array_add(picked, test_case);
	}
	return picked;
}
