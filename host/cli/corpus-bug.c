// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads and builds the patches of the corpus. See corpus-bug.h. */
#include <string.h>

#include "cli/corpus-bug.h"
#include "cli/corpus-hash.h"
#include "lab/script.h"
#include "util/interrupt.h"
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
	g_strfreev(bug->files);
	g_strfreev(bug->reach);
	g_free(bug->hash);
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

/* The words of the header line "// KEY: rest", or NULL. */
static char **header_words(char **lines, const char *key)
{
	g_autofree char *rest = header_line(lines, key);

	return rest ? g_strsplit(rest, " ", -1) : NULL;
}

static struct bug *read_bug(const char *folder, const char *file, GError **error)
{
	struct bug *bug = g_new0(struct bug, 1);
	g_autofree char *text = NULL;
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
	bug->files = header_words(lines, "Files");
	bug->cases = header_words(lines, "Cases");
	bug->tests = header_words(lines, "Test");
	bug->reach = header_words(lines, "Reaches");
	bug->hash = hash_of_text(text);
	if (bug->breaks && bug->noticed && bug->files && bug->tests && bug->cases)
		return bug;
	g_set_error(error, FERRY_ERROR, 0,
		    "%s: the header must have the lines Breaks, Noticed by, Files, Cases and Test",
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

/* A kind of file, and the need of the programs that can reach what is patched in it. */
static const struct {
	const char *below, *need;
} reached_by[] = {
	{ "arch/x86/kvm/svm/", "svm" },
	{ "arch/x86/kvm/vmx/", "vmx" },
	{ "arch/x86/kvm/hyperv.c", "hyperv" },
};

static gboolean file_is_reached(const char *file, const struct program *program)
{
	for (gsize i = 0; i < G_N_ELEMENTS(reached_by); i++)
		if (g_str_has_prefix(file, reached_by[i].below))
			return g_strv_contains((const char *const *)program->needs,
					       reached_by[i].need);
	return TRUE;
}

gboolean bug_reaches(const struct bug *bug, const struct program *program)
{
	if (bug->reach)
		return is_wanted(bug->reach, program->name);
	for (char **file = bug->files; *file; file++)
		if (file_is_reached(*file, program))
			return TRUE;
	return FALSE;
}

/* ---- building ---- */

struct build {
	GMainLoop *loop;
	char *last_line; /* it names the folder of the modules */
	int wait_status;
};

static void on_build_line(void *data, const char *line)
{
	struct build *build = data;

	g_free(build->last_line);
	build->last_line = g_strdup(line);
}

static void on_build_ended(void *data, int wait_status)
{
	struct build *build = data;

	build->wait_status = wait_status;
	g_main_loop_quit(build->loop);
}

char *bug_build(const struct bug *bug, const char *log, GError **error)
{
	static const struct lab_script_listener listener = {
		.line = on_build_line,
		.ended = on_build_ended,
	};
	g_autofree char *path = source_path("corpus/kvm/build-modules");
	g_autofree char *script_path = g_canonicalize_filename(path, NULL);
	char *arguments[] = { script_path, bug->path, NULL };
	struct build build = { .loop = g_main_loop_new(NULL, FALSE) };
	struct lab_script *script = lab_script_start(arguments, log, &listener, &build, error);
	gboolean ended = script && interrupt_run_loop(build.loop);

	if (script)
		lab_script_free(script);
	g_main_loop_unref(build.loop);
	if (ended && g_spawn_check_wait_status(build.wait_status, NULL) && build.last_line)
		return build.last_line;
	if (ended)
		g_set_error(error, FERRY_ERROR, 0, "%s tells why", log);
	g_free(build.last_line);
	return NULL;
}
