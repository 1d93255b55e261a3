// SPDX-License-Identifier: GPL-2.0-or-later
/* host/cli/user-config.h: what the user's file and environment may change in a run. */
#include <glib/gstdio.h>

#include "cli/run-options.h"

static const struct run_options *parse(const char *word, const char *value)
{
	char *argv[] = { (char *)"run", (char *)word, (char *)value, NULL };
	g_autoptr(GError) error = NULL;
	const struct run_options *options =
		run_options_parse(word ? value ? 3 : 2 : 1, argv, &error);

	g_assert_no_error(error);
	return options;
}

/* `ferry run` alone still means the quick set. */
static void defaults_choose_no_cases(void)
{
	const struct run_options *options = parse(NULL, NULL);

	g_assert_cmpstr(options->wanted.accel, ==, "tcg");
	g_assert_cmpint(options->jobs, ==, 7);
	g_assert_false(options->chosen);
}

/* Besides patterns, only these options choose cases. */
static void options_choose_cases(void)
{
	static const struct {
		const char *word, *value;
		gboolean chosen;
	} rows[] = {
		{ "--jobs", "3", FALSE },    { "--qemu", "q", FALSE },	{ "selftest", NULL, FALSE },
		{ "--host", "auto", FALSE }, { "--all", NULL, TRUE },	{ "--budget", "5", TRUE },
		{ "--plan", "none", TRUE },  { "--host", "amd", TRUE }, { "--accel", "tcg", TRUE },
		{ "--group", "svm", TRUE },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_test_message("%s", rows[i].word);
		g_assert_cmpint(parse(rows[i].word, rows[i].value)->chosen, ==, rows[i].chosen);
	}
}

/* --accel in the file and --host on the command line would contradict each other. */
static void host_replaces_accel(void)
{
	const struct run_options *options = parse("--host", "amd");

	g_assert_cmpstr(options->host, ==, "amd");
	g_assert_null(options->wanted.accel);
	g_assert_cmpint(options->jobs, ==, 7);
	g_assert_true(options->chosen);
}

static void no_config(void)
{
	g_assert_cmpint(parse("--no-config", NULL)->jobs, ==, g_get_num_processors());
}

/* A lab does not see this machine's environment, so what it names has to become an option. */
static void environment_names_programs(void)
{
	g_setenv("QEMU", "q", TRUE);
	g_setenv("FERRY_VMM", "", TRUE);
	g_assert_cmpstr(parse(NULL, NULL)->wanted.qemu, ==, "q");
	g_assert_null(parse(NULL, NULL)->wanted.ferry_vmm);
	g_assert_cmpstr(parse("--qemu", "other")->wanted.qemu, ==, "other");
	g_setenv("FERRY_VMM", "v", TRUE);
	g_assert_cmpstr(parse(NULL, NULL)->wanted.ferry_vmm, ==, "v");
	g_unsetenv("QEMU");
	g_unsetenv("FERRY_VMM");
}

int main(int argc, char **argv)
{
	g_autofree char *folder = g_dir_make_tmp("ferry-config-XXXXXX", NULL);
	g_autofree char *below = g_build_filename(folder, "ferry", NULL);
	g_autofree char *path = g_build_filename(below, "config", NULL);
	int status;

	g_setenv("XDG_CONFIG_HOME", folder, TRUE);
	g_mkdir(below, 0700);
	g_file_set_contents(path, "[run]\naccel = tcg\njobs = 7\n", -1, NULL);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/user-config/defaults_choose_no_cases", defaults_choose_no_cases);
	g_test_add_func("/user-config/environment_names_programs", environment_names_programs);
	g_test_add_func("/user-config/host_replaces_accel", host_replaces_accel);
	g_test_add_func("/user-config/no_config", no_config);
	g_test_add_func("/user-config/options_choose_cases", options_choose_cases);
	status = g_test_run();
	g_unlink(path);
	g_rmdir(below);
	g_rmdir(folder);
	return status;
}
