// SPDX-License-Identifier: GPL-2.0-or-later
/* host/util/kvm-parameters.c, with a folder instead of /sys/module. */
#include <glib.h>
#include <glib/gstdio.h>

#include "util/kvm-parameters.h"

static char *modules;

static void write_parameter(const char *module, const char *name, const char *value)
{
	g_autofree char *folder = g_build_filename(modules, module, "parameters", NULL);
	g_autofree char *path = g_build_filename(folder, name, NULL);

	g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
	g_assert_true(g_file_set_contents(path, value, -1, NULL));
}

static void test_none(void)
{
	g_assert_null(kvm_parameters());
	write_parameter("kvazaar", "npt", "Y\n");
	g_assert_null(kvm_parameters());
}

static void test_some(void)
{
	g_autoptr(GHashTable) parameters = NULL;

	write_parameter("kvm", "halt_poll_ns", "200000\n");
	write_parameter("kvm_amd", "npt", "Y\n");
	parameters = kvm_parameters();
	g_assert_cmpuint(g_hash_table_size(parameters), ==, 2);
	g_assert_cmpstr(g_hash_table_lookup(parameters, "kvm.halt_poll_ns"), ==, "200000");
	g_assert_cmpstr(g_hash_table_lookup(parameters, "kvm_amd.npt"), ==, "Y");
}

int main(int argc, char **argv)
{
	int status;

	g_test_init(&argc, &argv, NULL);
	modules = g_dir_make_tmp("unit-kvm-parameters-XXXXXX", NULL);
	g_setenv("FERRY_MODULES", modules, TRUE);
	g_test_add_func("/kvm-parameters/none", test_none);
	g_test_add_func("/kvm-parameters/some", test_some);
	status = g_test_run();
	if (modules) {
		g_autofree char *command = g_strconcat("rm -r ", modules, NULL);

		g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL);
	}
	return status;
}
