// SPDX-License-Identifier: GPL-2.0-or-later
/* host/vmm/stderr-file.c: which of a VMM's lines says why it ended. */
#include <string.h>
#include <unistd.h>

#include "vmm/stderr-file.h"

#define ASSERTION "qemu: block/io.c:1967: f: Assertion `!(flags & 1)' failed."

static const struct {
	const char *name, *before, *own, *expected;
} rows[] = {
	{ "nothing", "of another VMM\n", "", NULL },
	{ "one-line", "", "no such file\n", "no such file" },
	{ "last-line", "", "warning\nno such file\n", "no such file" },
	{ "assertion", "", "warning\n" ASSERTION "\n", ASSERTION },
	{ "assertion-and-peer", "", ASSERTION "\nqemu: load of migration failed\n", ASSERTION },
	{ "assertion-of-another", ASSERTION "\n", "no such file\n", "no such file" },
};

static void append(int file, const char *text)
{
	g_assert_cmpint(write(file, text, strlen(text)), ==, strlen(text));
}

static void test_row(gconstpointer data)
{
	const typeof(rows[0]) *row = data;
	g_autofree char *folder = g_dir_make_tmp("ferry-unit-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "stderr", NULL), *line = NULL;
	struct vm_stderr words = { 0 };
	int file;

	g_assert_true(g_file_set_contents(path, row->before, -1, NULL));
	file = vm_stderr_open(&words, path, NULL);
	g_assert_cmpint(file, >=, 0);
	append(file, row->own);
	line = vm_stderr_last_line(&words);
	g_assert_cmpstr(line, ==, row->expected);
	close(file);
	vm_stderr_clear(&words);
	unlink(path);
	rmdir(folder);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strconcat("/stderr-file/", rows[i].name, NULL);

		g_test_add_data_func(path, &rows[i], test_row);
	}
	return g_test_run();
}
