// SPDX-License-Identifier: GPL-2.0-or-later
/* host/vmm/qemu/machine.c: the newest machine type that two QEMUs share. */
#include <glib/gstdio.h>

#include "vmm/qemu/machine.h"

static char *folder;

/* Makes a program that prints LIST, as QEMU lists its machines. Returns its path. */
static char *make_qemu(const char *name, const char *list)
{
	char *path = g_build_filename(folder, name, NULL);
	g_autofree char *script =
		g_strdup_printf("#!/bin/sh\ncat <<'END'\nSupported machines are:\n%s\nEND\n", list);

	g_assert_true(g_file_set_contents(path, script, -1, NULL));
	g_assert_cmpint(g_chmod(path, 0700), ==, 0);
	return path;
}

static void test_newest(void)
{
	static const struct {
		const char *ours, *theirs, *newest; /* NULL: there is none */
	} rows[] = {
		{ "pc-q35-7.2 x\npc-q35-7.1 x", "pc-q35-7.1 x\npc-q35-7.2 x", "pc-q35-7.2" },
		{ "pc-q35-7.2", "pc-q35-10.0\npc-q35-7.2\npc-q35-7.1", "pc-q35-7.2" },
		{ "pc-q35-9.2\npc-q35-10.0", "pc-q35-10.0\npc-q35-9.2", "pc-q35-10.0" },
		{ "pc-q35-4.0\npc-q35-4.0.1", "pc-q35-4.0.1\npc-q35-4.0", "pc-q35-4.0.1" },
		{ "pc-q35-4.0.1\npc-q35-4.0", "pc-q35-4.0.1\npc-q35-4.0", "pc-q35-4.0.1" },
		{ "pc-q35-rhel9.4.0\npc-q35-6.0", "pc-q35-rhel9.4.0\npc-q35-6.0", "pc-q35-6.0" },
		{ "pc-q35-7.2\npc-i440fx-7.2", "pc-q35-7.1\npc-i440fx-7.2", NULL },
		{ "q35\npc", "q35\npc", NULL },
		{ "", "", NULL },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *ours = make_qemu("ours", rows[i].ours);
		g_autofree char *theirs = make_qemu("theirs", rows[i].theirs);
		g_autoptr(GError) error = NULL;
		g_autofree char *newest = qemu_newest_common_machine("q35", ours, theirs, &error);

		g_test_message("row %zu", i);
		g_assert_cmpstr(newest, ==, rows[i].newest);
		g_assert_true(!newest == (error != NULL));
		g_unlink(ours);
		g_unlink(theirs);
	}
}

static void test_no_qemu(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(qemu_newest_common_machine("q35", "false", "false", &error));
	g_assert_nonnull(error);
}

int main(int argc, char **argv)
{
	int status;

	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("unit-qemu-machine-XXXXXX", NULL);
	g_test_add_func("/qemu-machine/newest", test_newest);
	g_test_add_func("/qemu-machine/no-qemu", test_no_qemu);
	status = g_test_run();
	g_rmdir(folder);
	g_free(folder);
	return status;
}
