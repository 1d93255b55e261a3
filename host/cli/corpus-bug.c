// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads and builds the patches of the corpus. See corpus-bug.h. */
#include <string.h>

#include "cli/corpus-bug.h"
#include "util/paths.h"
#include "util/text.h"

static void bug_free(struct bug *bug)
{
	g_free(bug->name);
	g_free(bug->path);
	g_free(bug->breaks);
	g_free(bug->noticed);
	g_strfreev(bug->cases);
	g_strfreev(bug->tests);
	g_free(bug->clock);
	g_free(bug);
}

/* The rest of the header line "// KEY: rest", or NULL. */
static char *header_line(char **lines, const char *key)
{
	g_autofree char *prefix = g_strdup_printf("// %s: ", key);

	for (; *lines && g_str_has_prefix(*lines, "//"); lines++)
		if (g_str_has_prefix(*lines, prefix))
			return g_strstrip(g_strdup(*lines + strlen(prefix)));
	return NULL;
}

static struct bug *read_bug(const char *folder, const char *file, GError **error)
{
	struct bug *bug = g_new0(struct bug, 1);
	g_autofree char *text = NULL, *cases = NULL, *tests = NULL;
	g_auto(GStrv) lines = NULL;

	bug->name = g_strndup(file, strlen(file) - strlen(".cocci"));
	bug->path = g_build_filename(folder, file, NULL);
	if (!g_file_get_contents(bug->path, &text, NULL, error)) {
		bug_free(bug);
		return NULL;
	}
	lines = g_strsplit(text, "\n", -1);
	bug->breaks = header_line(lines, "Breaks");
	bug->noticed = header_line(lines, "Noticed by");
	bug->clock = header_line(lines, "Clock");
	cases = header_line(lines, "Cases");
	tests = header_line(lines, "Test");
	bug->tests = tests ? g_strsplit(tests, " ", -1) : NULL;
	bug->cases = cases ? g_strsplit(cases, " ", -1) : NULL;
	if (bug->breaks && bug->noticed && bug->tests && bug->cases)
		return bug;
	g_set_error(error, FERRY_ERROR, 0,
		    "%s: the header must have the lines Breaks, Noticed by, Cases and Test",
		    bug->path);
	bug_free(bug);
	return NULL;
}

static gboolean is_wanted(char **patterns, const char *name)
{
	if (!patterns || !*patterns)
		return TRUE;
	for (char **pattern = patterns; *pattern; pattern++)
		if (text_glob(*pattern, name))
			return TRUE;
	return FALSE;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp((*(struct bug *const *)a)->name, (*(struct bug *const *)b)->name);
}

GPtrArray *bugs_read(char **patterns, GError **error)
{
	GPtrArray *bugs = g_ptr_array_new_with_free_func((GDestroyNotify)bug_free);
	g_autofree char *folder = source_path("corpus/kvm");
	GDir *dir = g_dir_open(folder, 0, error);
	const char *file;

	while (dir && !*error && (file = g_dir_read_name(dir))) {
		g_autofree char *name = g_strndup(file, strcspn(file, "."));
		struct bug *bug;

		if (!g_str_has_suffix(file, ".cocci") || !is_wanted(patterns, name))
			continue;
		bug = read_bug(folder, file, error);
		if (bug)
			g_ptr_array_add(bugs, bug);
	}
	if (dir)
		g_dir_close(dir);
	if (!*error && !bugs->len)
		g_set_error(error, FERRY_ERROR, 0, "no patch in %s matches", folder);
	if (*error) {
		g_ptr_array_unref(bugs);
		return NULL;
	}
	g_ptr_array_sort(bugs, compare_names);
	return bugs;
}

char *bug_build(const struct bug *bug, GError **error)
{
	g_autofree char *script = source_path("corpus/kvm/build-modules");
	g_autofree char *output = NULL;
	const char *arguments[] = { script, bug->path, NULL };
	int status;

	if (!g_spawn_sync(NULL, (char **)arguments, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output,
			  NULL, &status, error) ||
	    !g_spawn_check_wait_status(status, error))
		return NULL;
	/* Its last line names the folder. */
	g_strchomp(output);
	return g_strdup(strrchr(output, '\n') ? strrchr(output, '\n') + 1 : output);
}
