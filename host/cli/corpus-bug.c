// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads the patches of the corpus. See corpus-bug.h. */
#include <string.h>

#include "cli/corpus-bug.h"
#include "cli/corpus-hash.h"
#include "lab/kinds.h"
#include "util/paths.h"
#include "util/text.h"

const struct bug_kind bug_kinds[] = {
	{
		.what = "KVM",
		.folder = "corpus/kvm",
		.suffix = ".cocci",
		.script = "corpus/kvm/build-modules",
		.files_in_head = TRUE,
		/* The modules fit a lab's kernel. */
		.host = ANY_LAB,
	},
	{
		.what = "QEMU",
		.folder = "corpus/qemu",
		.suffix = ".patch",
		.script = "corpus/qemu/build-qemu",
		.builds_unpatched = TRUE,
	},
	{ 0 },
};

static void bug_free(struct bug *bug)
{
	g_free(bug->name);
	g_free(bug->path);
	g_free(bug->breaks);
	g_free(bug->noticed);
	g_strfreev(bug->cases);
	g_strfreev(bug->tests);
	g_free(bug->clock);
	g_free(bug->kvm);
	g_free(bug->host);
	g_free(bug->accel);
	g_free(bug->plan);
	g_free(bug->with);
	g_strfreev(bug->files);
	g_strfreev(bug->reach);
	g_free(bug->missed);
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

/* A semantic patch does not tell by itself which files it changes. */
static gboolean is_complete(const struct bug *bug)
{
	return bug->breaks && bug->noticed && bug->tests && bug->cases &&
	       (bug->files || !bug->kind->files_in_head);
}

/* The kind of patch in the file NAME, or NULL. */
static const struct bug_kind *kind_of_file(const char *name)
{
	for (const struct bug_kind *kind = bug_kinds; kind->what; kind++)
		if (g_str_has_suffix(name, kind->suffix))
			return kind;
	return NULL;
}

/*
 * Looks for the patch that BUG goes with. Its hash becomes a part of BUG's. FALSE and ERROR if
 * there is no such patch.
 */
static gboolean read_with(struct bug *bug, char **lines, GError **error)
{
	g_autofree char *name = header_line(lines, "With");
	g_autofree char *text = NULL, *own_hash = NULL, *hash = NULL;
	g_auto(GStrv) with_lines = NULL;

	if (!name)
		return TRUE;
	bug->with = source_path(name);
	bug->with_kind = kind_of_file(name);
	if (!bug->with_kind || bug->with_kind == bug->kind) {
		g_set_error(error, FERRY_ERROR, 0,
			    "%s: 'With: %s' must name a patch that is not of %s", bug->path, name,
			    bug->kind->what);
		return FALSE;
	}
	if (!g_file_get_contents(bug->with, &text, NULL, error)) {
		g_prefix_error(error, "%s: With: ", bug->path);
		return FALSE;
	}
	with_lines = g_strsplit(text, "\n", -1);
	hash = hash_of_patch(with_lines);
	own_hash = bug->hash;
	bug->hash = g_strdup_printf("%s+%s", own_hash, hash);
	if (!bug->host)
		bug->host = g_strdup(bug->with_kind->host);
	return TRUE;
}

static struct bug *read_bug(const struct bug_kind *kind, const char *folder, const char *file,
			    GError **error)
{
	struct bug *bug = g_new0(struct bug, 1);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	bug->kind = kind;
	bug->name = g_strndup(file, strlen(file) - strlen(kind->suffix));
	bug->path = g_build_filename(folder, file, NULL);
	if (!g_file_get_contents(bug->path, &text, NULL, error)) {
		bug_free(bug);
		return NULL;
	}
	lines = g_strsplit(text, "\n", -1);
	bug->breaks = header_line(lines, "Breaks");
	bug->noticed = header_line(lines, "Noticed by");
	bug->clock = header_line(lines, "Clock");
	bug->kvm = header_line(lines, "KVM");
	bug->accel = header_line(lines, "Accel");
	bug->plan = header_line(lines, "Plan");
	bug->files = header_words(lines, "Files");
	bug->cases = header_words(lines, "Cases");
	bug->tests = header_words(lines, "Test");
	bug->reach = header_words(lines, "Reaches");
	bug->missed = header_line(lines, "Missed");
	bug->host = header_line(lines, "Host") ?: g_strdup(kind->host);
	bug->hash = hash_of_patch(lines);
	if (!read_with(bug, lines, error)) {
		bug_free(bug);
		return NULL;
	}
	if (is_complete(bug))
		return bug;
	g_set_error(error, FERRY_ERROR, 0,
		    "%s: the header must have the lines Breaks, Noticed by, %sCases and Test",
		    bug->path, kind->files_in_head ? "Files, " : "");
	bug_free(bug);
	return NULL;
}

static gboolean is_wanted(char **patterns, const char *name)
{
	return !patterns || !*patterns || text_glob_any(patterns, name);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp((*(struct bug *const *)a)->name, (*(struct bug *const *)b)->name);
}

/* Adds those of one kind. FALSE and ERROR if a header is incomplete. */
static gboolean read_kind(GPtrArray *bugs, const struct bug_kind *kind, char **patterns,
			  GError **error)
{
	g_autofree char *folder = source_path(kind->folder);
	GDir *dir = g_dir_open(folder, 0, error);
	const char *file;

	while (dir && !*error && (file = g_dir_read_name(dir))) {
		g_autofree char *name = g_strndup(file, strcspn(file, "."));
		struct bug *bug;

		if (!g_str_has_suffix(file, kind->suffix) || !is_wanted(patterns, name))
			continue;
		bug = read_bug(kind, folder, file, error);
		if (bug)
			g_ptr_array_add(bugs, bug);
	}
	if (dir)
		g_dir_close(dir);
	return !*error;
}

GPtrArray *bugs_read(char **patterns, GError **error)
{
	GPtrArray *bugs = g_ptr_array_new_with_free_func((GDestroyNotify)bug_free);
	g_autofree char *folder = source_path("corpus");

	for (const struct bug_kind *kind = bug_kinds; kind->what; kind++)
		if (!read_kind(bugs, kind, patterns, error))
			break;
	if (!*error && !bugs->len)
		g_set_error(error, FERRY_ERROR, 0, "no patch below %s matches", folder);
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
	if (!bug->files)
		return TRUE;
	for (char **file = bug->files; *file; file++)
		if (file_is_reached(*file, program))
			return TRUE;
	return FALSE;
}
