// SPDX-License-Identifier: GPL-2.0-or-later
/* host/cli/run-cases.c: which cases `ferry run` runs when no case is named. */
#include <string.h>

#include "cli/run-cases.h"
#include "run/quick.h"
#include "util/paths.h"

/* The project's own suite. The tests use only the names of its programs. */
static struct suite *own_suite(void)
{
	g_autofree char *path = source_path("unittests.cfg");
	g_autoptr(GError) error = NULL;
	struct suite *suite = suite_load(path, "/", FALSE, &error);

	g_assert_no_error(error);
	return suite;
}

static void test_default(void)
{
	char *named[] = { (char *)"selftest", NULL };
	const struct {
		const char *what;
		struct run_options options;
		gboolean quick;
	} rows[] = {
		{ "nothing", { .jobs = 1 }, TRUE },
		{ "--jobs", { .jobs = 7 }, TRUE },
		{ "--qemu", { .wanted = { .qemu = (char *)"q" } }, TRUE },
		{ "a pattern", { .patterns = named }, FALSE },
		{ "an option", { .chosen = TRUE }, FALSE },
	};
	struct suite *suite = own_suite();

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_auto(GStrv) patterns = run_patterns(&rows[i].options, suite, &error);

		g_test_message("%s", rows[i].what);
		g_assert_no_error(error);
		g_assert_true((patterns && g_str_equal(patterns[0], QUICK_SANITY_CASE)) ==
			      rows[i].quick);
		if (!rows[i].quick)
			g_assert_true(rows[i].options.patterns ? patterns[0] && !patterns[1]
							       : !patterns);
	}
	suite_free(suite);
}

/* Another project's suite has no quick set. */
static void test_other_suite(void)
{
	struct run_options options = { .jobs = 1 };
	struct suite *suite = own_suite();

	suite->kvm_unit_tests = TRUE;
	g_assert_null(run_patterns(&options, suite, NULL));
	suite_free(suite);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/run-cases/default", test_default);
	g_test_add_func("/run-cases/other-suite", test_other_suite);
	return g_test_run();
}
