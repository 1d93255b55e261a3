// SPDX-License-Identifier: GPL-2.0-or-later
/* What a set of cases notices. See cover.h. */
#include "run/cover.h"
#include "util/text.h"

struct cover {
	GHashTable *patches_of; /* name of a case -> GPtrArray of the patches that it notices */
	GHashTable *caught;	/* set of patches */
	GHashTable *all;	/* set of patches */
};

struct cover *cover_new(const struct matrix *matrix)
{
	struct cover *cover = g_new0(struct cover, 1);
	GHashTableIter iter;
	gpointer patches;

	cover->patches_of = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
						  (GDestroyNotify)g_ptr_array_unref);
	cover->caught = g_hash_table_new(g_str_hash, g_str_equal);
	cover->all = g_hash_table_new(g_str_hash, g_str_equal);
	for (guint i = 0; i < matrix->lines->len; i++) {
		const struct matrix_line *line = matrix->lines->pdata[i];

		if (!matrix_catches(matrix, line))
			continue;
		patches = g_hash_table_lookup(cover->patches_of, line->case_name);
		if (!patches) {
			patches = g_ptr_array_new();
			g_hash_table_insert(cover->patches_of, line->case_name, patches);
		}
		g_ptr_array_add(patches, line->patch);
		g_hash_table_add(cover->all, line->patch);
	}
	g_hash_table_iter_init(&iter, cover->patches_of);
	while (g_hash_table_iter_next(&iter, NULL, &patches))
		g_ptr_array_sort(patches, text_compare);
	return cover;
}

void cover_free(struct cover *cover)
{
	g_hash_table_unref(cover->patches_of);
	g_hash_table_unref(cover->caught);
	g_hash_table_unref(cover->all);
	g_free(cover);
}

const GPtrArray *cover_patches(const struct cover *cover, const char *case_name)
{
	return g_hash_table_lookup(cover->patches_of, case_name);
}

guint cover_gain(const struct cover *cover, const char *case_name)
{
	const GPtrArray *patches = cover_patches(cover, case_name);
	guint gain = 0;

	for (guint i = 0; patches && i < patches->len; i++)
		gain += !g_hash_table_contains(cover->caught, patches->pdata[i]);
	return gain;
}

void cover_choose(struct cover *cover, const char *case_name)
{
	const GPtrArray *patches = cover_patches(cover, case_name);

	for (guint i = 0; patches && i < patches->len; i++)
		g_hash_table_add(cover->caught, patches->pdata[i]);
}

guint cover_caught(const struct cover *cover)
{
	return g_hash_table_size(cover->caught);
}

guint cover_total(const struct cover *cover)
{
	return g_hash_table_size(cover->all);
}
