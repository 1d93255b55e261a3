// SPDX-License-Identifier: GPL-2.0-or-later
/* host/suite/kvm-wanted.c: what --kvm asks for, and whether KVM has it. */
#include <glib.h>
#include <glib/gstdio.h>

#include "suite/kvm-wanted.h"

static void test_join(void)
{
	static const struct {
		const char *lists[4];
		const char *joined; /* NULL: none */
		const char *error;
	} rows[] = {
		{ { NULL }, NULL, NULL },
		{ { "npt=0" }, "npt=0", NULL },
		/* The order does not matter, and the option may be repeated. */
		{ { "vgif=0,npt=0", "avic=1" }, "avic=1,npt=0,vgif=0", NULL },
		{ { "nx_huge_pages=force" }, "nx_huge_pages=force", NULL },
		{ { "npt=0", "npt=1" }, NULL, "--kvm: 'npt' is named twice" },
		{ { "npt" },
		  NULL,
		  "--kvm takes NAME=VALUE,..., such as npt=0,vgif=0, and not 'npt'" },
		{ { "npt=0," },
		  NULL,
		  "--kvm takes NAME=VALUE,..., such as npt=0,vgif=0, and not ''" },
		{ { "npt=0 init=/bin/sh" },
		  NULL,
		  "--kvm takes NAME=VALUE,..., such as npt=0,vgif=0, and not 'npt=0 init=/bin/sh'" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *joined = kvm_wanted_join((char **)rows[i].lists, &error);

		g_assert_cmpstr(joined, ==, rows[i].joined);
		g_assert_cmpstr(error ? error->message : NULL, ==, rows[i].error);
	}
}

static void test_missing(void)
{
	static const struct {
		const char *wanted, *missing;
	} rows[] = {
		{ "npt=1", NULL },
		{ "npt=Y", NULL },
		{ "halt_poll_ns=200000", NULL },
		{ "nx_huge_pages=off,vls=0", NULL },
		{ "npt=0", "needs KVM with npt=0, and kvm_amd.npt is Y here" },
		{ "nx_huge_pages=force",
		  "needs KVM with nx_huge_pages=force, and kvm.nx_huge_pages is N here" },
		{ "npt=1,vls=1", "needs KVM with vls=1, and kvm_amd.vls is 0 here" },
		/* The end of another name does not count. */
		{ "pt=1", "needs KVM with pt=1, and KVM here has no such parameter" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *missing = kvm_wanted_missing(rows[i].wanted);

		g_assert_cmpstr(missing, ==, rows[i].missing);
	}
}

static void test_known(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(kvm_wanted_known("npt=0,vls=7", &error));
	g_assert_false(kvm_wanted_known("npt=0,nptt=0", &error));
	g_assert_cmpstr(
		error->message, ==,
		"--kvm: no KVM module that is loaded here has a parameter 'nptt' (did you mean 'npt'?)");
}

static void write_parameter(const char *modules, const char *module, const char *name,
			    const char *value)
{
	g_autofree char *folder = g_build_filename(modules, module, "parameters", NULL);
	g_autofree char *path = g_build_filename(folder, name, NULL);

	g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
	g_assert_true(g_file_set_contents(path, value, -1, NULL));
}

int main(int argc, char **argv)
{
	g_autofree char *modules = NULL, *command = NULL;
	int status;

	g_test_init(&argc, &argv, NULL);
	modules = g_dir_make_tmp("unit-kvm-wanted-XXXXXX", NULL);
	write_parameter(modules, "kvm", "nx_huge_pages", "N\n");
	write_parameter(modules, "kvm", "halt_poll_ns", "200000\n");
	write_parameter(modules, "kvm_amd", "npt", "Y\n");
	write_parameter(modules, "kvm_amd", "vls", "0\n");
	g_setenv("FERRY_MODULES", modules, TRUE);
	g_test_add_func("/kvm-wanted/join", test_join);
	g_test_add_func("/kvm-wanted/missing", test_missing);
	g_test_add_func("/kvm-wanted/known", test_known);
	status = g_test_run();
	command = g_strconcat("rm -r ", modules, NULL);
	g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL);
	return status;
}
