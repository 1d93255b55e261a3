// SPDX-License-Identifier: GPL-2.0-or-later
/* The file of the quick set, and the pattern that stands for it. See quick.h. */
#include <string.h>

#include "plan/plan.h"
#include "run/cover.h"
#include "run/quick.h"
#include "util/text.h"

static void add_case(GString *text, const struct quick_case *member, const struct cover *cover)
{
	const GPtrArray *patches = cover_patches(cover, member->name);

	g_string_append_printf(text, "%-32s# %.0f s", member->name, member->seconds);
	for (guint i = 0; patches && i < patches->len; i++)
		g_string_append_printf(text, "%s %s", i ? "" : "; notices",
				       (const char *)patches->pdata[i]);
	g_string_append_c(text, '\n');
}

static const char *const head[] = {
	"# SPDX-License-Identifier: GPL-2.0-or-later",
	"#",
	"# The quick set: what 'ferry run' runs when no case is named. Generated from corpus/matrix by",
	"# 'ferry corpus quick'; corpus/README.md tells how. After each case: its seconds on a lab's KVM,",
	"# and the broken KVMs that it notices (by 'corpus quick --heads': that it must notice, by what",
	"# their heads say, where nothing was measured).",
	"#",
};

gboolean quick_write(const struct quick_set *set, const struct matrix *matrix, const char *path,
		     GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	struct cover *cover = cover_new(matrix);

	for (gsize i = 0; i < G_N_ELEMENTS(head); i++)
		g_string_append_printf(text, "%s\n", head[i]);
	g_string_append_printf(text,
			       "# Together: %u of the %u broken KVMs that any case notices.\n\n",
			       set->caught, set->total);
	for (guint i = 0; i < set->cases->len; i++) {
		if (i == set->covering)
			g_string_append(
				text,
				"\n# The shortest case of each other program, as long as there was time.\n\n");
		add_case(text, &g_array_index(set->cases, struct quick_case, i), cover);
	}
	cover_free(cover);
	return g_file_set_contents_full(path, text->str, text->len, G_FILE_SET_CONTENTS_CONSISTENT,
					0644, error);
}

static gboolean has_case(const struct suite *suite, const char *name)
{
	const char *slash = strchr(name, '/');

	for (guint i = 0; slash && plan_find(slash + 1) && i < suite->programs->len; i++) {
		const struct program *program = suite->programs->pdata[i];

		if (strlen(program->name) == (gsize)(slash - name) &&
		    g_str_has_prefix(name, program->name))
			return TRUE;
	}
	return FALSE;
}

/* Adds the cases of the file to BUILDER. */
static gboolean add_file(GStrvBuilder *builder, const struct suite *suite, const char *path,
			 GError **error)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	guint cases = 0;

	if (!g_file_get_contents(path, &text, NULL, error))
		return FALSE;
	lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i]; i++) {
		char *name = lines[i];

		name[strcspn(name, "#")] = '\0';
		if (!*g_strstrip(name))
			continue;
		if (!has_case(suite, name)) {
			g_set_error(
				error, FERRY_ERROR, 0,
				"%s:%u: there is no case '%s'; take the line out, or make the file anew with 'ferry corpus quick'",
				path, i + 1, name);
			return FALSE;
		}
		g_strv_builder_add(builder, name);
		cases++;
	}
	if (!cases)
		g_set_error(error, FERRY_ERROR, 0,
			    "%s names no case; make the file anew with 'ferry corpus quick'", path);
	return cases > 0;
}

char **quick_expand(char **patterns, const struct suite *suite, const char *path, GError **error)
{
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

	for (char **pattern = patterns; pattern && *pattern; pattern++) {
		if (!g_str_equal(*pattern, QUICK))
			g_strv_builder_add(builder, *pattern);
		else if (!add_file(builder, suite, path, error))
			return NULL;
	}
	return g_strv_builder_end(builder);
}
