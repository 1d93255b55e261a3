// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A QEMU looks for firmware beside itself ("-L" in its manual page). A QEMU that somebody built may
 * have none there: it was copied without its data folder, or its sources lack the file. Then Ferry
 * uses the distribution's copy.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "util/text.h"
#include "vmm/qemu/firmware.h"

/* A program that takes no notice of `-L help` is ended after this many seconds. */
#define ANSWER_SECONDS "10"

/* What a Ferry guest cannot be started without: the firmware, and the loader of its kind of image.
 */
static const char *const needed[] = { FIRMWARE, "multiboot_dma.bin" };

static const char *const distribution_folders[] = { "/usr/share/qemu", "/usr/share/seabios", NULL };

static gboolean is_in(const char *file, const char *const *folders)
{
	for (; *folders; folders++) {
		g_autofree char *path = g_build_filename(*folders, file, NULL);

		if (g_file_test(path, G_FILE_TEST_EXISTS))
			return TRUE;
	}
	return FALSE;
}

static gboolean all_are_in(const char *const *folders)
{
	for (gsize i = 0; i < G_N_ELEMENTS(needed); i++)
		if (!is_in(needed[i], folders))
			return FALSE;
	return TRUE;
}

/* The lines of HELP that are absolute paths. */
static char **folders_in(const char *help)
{
	g_auto(GStrv) lines = g_strsplit(help, "\n", -1);
	GStrvBuilder *builder = g_strv_builder_new();
	char **folders;

	for (char **line = lines; *line; line++)
		if (g_path_is_absolute(*line))
			g_strv_builder_add(builder, *line);
	folders = g_strv_builder_end(builder);
	g_strv_builder_unref(builder);
	return folders;
}

char **qemu_choose_firmware_folders(const char *help, const char *const *distribution)
{
	g_auto(GStrv) own = folders_in(help);
	GStrvBuilder *builder;
	char **folders;

	if (!*own || all_are_in((const char *const *)own))
		return g_new0(char *, 1);
	builder = g_strv_builder_new();
	g_strv_builder_addv(builder, (const char **)own);
	g_strv_builder_addv(builder, (const char **)distribution);
	folders = g_strv_builder_end(builder);
	g_strv_builder_unref(builder);
	return folders;
}

/* An installed QEMU finds its data, so it is not asked, which would take a while in a lab. */
static gboolean is_installed(const char *binary)
{
	g_autofree char *path = g_find_program_in_path(binary);
	char real[PATH_MAX];
	g_autofree char *above = NULL, *data = NULL;

	if (!path || !realpath(path, real))
		return FALSE;
	above = g_path_get_dirname(real);
	data = g_build_filename(above, "../share/qemu", NULL);
	return all_are_in((const char *const[]){ data, NULL });
}

/* What BINARY answers to `-L help`, or nothing. */
static char *ask(const char *binary)
{
	const char *const arguments[] = { "timeout", ANSWER_SECONDS, binary, "-L", "help", NULL };
	char *output = NULL;

	g_spawn_sync(NULL, (char **)arguments, NULL,
		     G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &output, NULL,
		     NULL, NULL);
	return output ?: g_strdup("");
}

const char *const *qemu_firmware_folders(const char *binary)
{
	static GHashTable *known;
	g_autofree char *help = NULL;
	char **folders;

	if (!known)
		known = g_hash_table_new(g_str_hash, g_str_equal);
	folders = g_hash_table_lookup(known, binary);
	if (!folders) {
		help = is_installed(binary) ? g_strdup("") : ask(binary);
		folders = qemu_choose_firmware_folders(help, distribution_folders);
		g_hash_table_insert(known, g_strdup(binary), folders);
	}
	return (const char *const *)folders;
}

gboolean qemu_finds_firmware(const char *binary, GError **error)
{
	const char *const *folders = qemu_firmware_folders(binary);
	g_autofree char *text = NULL;

	if (!*folders || is_in(FIRMWARE, folders))
		return TRUE;
	text = g_strjoinv(", ", (char **)folders);
	g_set_error(
		error, FERRY_ERROR, 0,
		"%s finds no %s in its data folders (%s); scripts/packages lists the package that brings it",
		binary, FIRMWARE, text);
	return FALSE;
}
