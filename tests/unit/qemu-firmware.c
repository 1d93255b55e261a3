// SPDX-License-Identifier: GPL-2.0-or-later
/* host/vmm/qemu/firmware.c: the folders in which a QEMU is told to look for firmware. */
#include <glib.h>
#include <glib/gstdio.h>

#include "vmm/qemu/firmware.h"

static char *directory; /* has folders; the name of a folder lists its files */

static void make_folder(const char *name, gboolean qboot, gboolean multiboot)
{
	g_autofree char *folder = g_build_filename(directory, name, NULL);
	g_autofree char *first = g_build_filename(folder, "qboot.rom", NULL);
	g_autofree char *second = g_build_filename(folder, "multiboot_dma.bin", NULL);

	g_mkdir(folder, 0755);
	if (qboot)
		g_file_set_contents(first, "", 0, NULL);
	if (multiboot)
		g_file_set_contents(second, "", 0, NULL);
}

static void remove_folder(const char *name)
{
	static const char *const files[] = { "qboot.rom", "multiboot_dma.bin", "" };

	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *path = g_build_filename(directory, name, files[i], NULL);

		g_remove(path);
	}
}

/* QEMU's answer: a line for each of FOLDERS, which are names below the directory. */
static char *answer(const char *folders)
{
	g_auto(GStrv) names = g_strsplit(folders, " ", -1);
	GString *text = g_string_new(NULL);

	for (char **name = names; *name; name++)
		if (**name)
			g_string_append_printf(text, "%s/%s\n", directory, *name);
	return g_string_free(text, FALSE);
}

static const struct row {
	const char *name, *own, *chosen;
} rows[] = {
	{ "all-at-home", "both", "" },
	{ "in-two-folders", "qboot multiboot", "" },
	{ "source-without-qboot", "multiboot", "multiboot distribution" },
	{ "copied-without-data", "missing", "missing distribution" },
	{ "no-answer", "", "" },
};

static void chooses(gconstpointer data)
{
	const struct row *row = data;
	g_autofree char *help = answer(row->own);
	g_autofree char *distribution = g_build_filename(directory, "distribution", NULL);
	g_auto(GStrv) folders =
		qemu_choose_firmware_folders(help, (const char *const[]){ distribution, NULL });
	g_autofree char *wanted = answer(row->chosen);
	g_autofree char *joined = g_strjoinv("\n", folders);
	g_autofree char *got = g_strconcat(joined, *joined ? "\n" : "", NULL);

	g_assert_cmpstr(got, ==, wanted);
}

static void ignores_other_lines(void)
{
	g_auto(GStrv) folders = qemu_choose_firmware_folders("qemu: unknown option\nusage: ...\n",
							     (const char *const[]){ "/usr", NULL });

	g_assert_null(*folders);
}

static void program_that_does_not_answer(void)
{
	g_assert_null(*qemu_firmware_folders("true"));
	g_assert_null(*qemu_firmware_folders("/nonexistent/qemu"));
	g_assert_true(qemu_finds_firmware("true", NULL));
}

int main(int argc, char **argv)
{
	int status;

	g_test_init(&argc, &argv, NULL);
	directory = g_dir_make_tmp("ferry-firmware-XXXXXX", NULL);
	make_folder("both", TRUE, TRUE);
	make_folder("qboot", TRUE, FALSE);
	make_folder("multiboot", FALSE, TRUE);
	make_folder("distribution", TRUE, TRUE);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strconcat("/qemu-firmware/", rows[i].name, NULL);

		g_test_add_data_func(path, &rows[i], chooses);
	}
	g_test_add_func("/qemu-firmware/ignores-other-lines", ignores_other_lines);
	g_test_add_func("/qemu-firmware/program-that-does-not-answer",
			program_that_does_not_answer);
	status = g_test_run();
	remove_folder("both");
	remove_folder("qboot");
	remove_folder("multiboot");
	remove_folder("distribution");
	g_rmdir(directory);
	g_free(directory);
	return status;
}
