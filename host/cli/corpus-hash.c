// SPDX-License-Identifier: GPL-2.0-or-later
/* Hashes of patches and of programs. See corpus-hash.h. */
#include <string.h>

#include "cli/corpus-hash.h"
#include "util/paths.h"
#include "util/text.h"

#define DIGITS 8

/* The lines of a head that say what is built, and what is run with it. */
static const char *const steering[] = {
	"// Accel: ", "// Cases: ", "// Clock: ", "// Files: ", "// Host: ",
	"// KVM: ",   "// Plan: ",  "// Test: ",  "// With: ",
};

static char *hash_of_text(const char *text)
{
	char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

	hash[DIGITS] = '\0';
	return hash;
}

static gboolean steers(const char *line)
{
	for (gsize i = 0; i < G_N_ELEMENTS(steering); i++)
		if (g_str_has_prefix(line, steering[i]))
			return TRUE;
	return FALSE;
}

char *hash_of_patch(char **lines)
{
	g_autoptr(GString) text = g_string_new(NULL);
	gboolean in_head = TRUE;

	for (; *lines; lines++) {
		in_head = in_head && g_str_has_prefix(*lines, "//");
		if (!in_head || steers(*lines))
			g_string_append_printf(text, "%s\n", *lines);
	}
	return hash_of_text(text->str);
}

/* The paths of all files of FOLDER, sorted. The caller unrefs the array. */
static GPtrArray *files_of(const char *folder)
{
	GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
	GDir *dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir)))
		g_ptr_array_add(paths, g_build_filename(folder, name, NULL));
	if (dir)
		g_dir_close(dir);
	g_ptr_array_sort(paths, text_compare);
	return paths;
}

char *hash_of_program(const struct program *program)
{
	g_autofree char *file = g_path_get_basename(program->file);
	g_autofree char *name = g_strndup(file, strcspn(file, "."));
	g_autofree char *below = g_strconcat("x86/", name, NULL);
	g_autofree char *folder = source_path(below);
	g_autoptr(GPtrArray) paths = files_of(folder);
	g_autoptr(GString) text = g_string_new(NULL);

	if (!paths->len)
		g_ptr_array_add(paths, g_strconcat(folder, ".c", NULL));
	for (guint i = 0; i < paths->len; i++) {
		g_autofree char *contents = NULL;

		if (g_file_get_contents(paths->pdata[i], &contents, NULL, NULL))
			g_string_append(text, contents);
	}
	return hash_of_text(text->str);
}
