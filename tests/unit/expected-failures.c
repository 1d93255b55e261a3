// SPDX-License-Identifier: GPL-2.0-or-later
/* known_issues_expected(): which tests the guest is told are known to fail. */
#include <glib/gstdio.h>

#include "plan/plan.h"
#include "run/known-issues.h"

#define ISSUE(name, case_glob, further)                                                            \
	"[" name "]\ncase = " case_glob "\n" further "reason = it is\nevidence = somewhere\n"

static const char issues_text[] = ISSUE("two", "prog/none", "test = a* b\nhost = amd\n")
	ISSUE("old", "prog/*", "test = c\nhost = *\nkernel = ..6.4\n")
		ISSUE("some-qemu", "prog/pause", "test = d\nhost = amd\nqemu = ..7.2\n")
			ISSUE("whole", "prog/storm", "host = tcg\n")
				ISSUE("end", "prog/storm", "failure = died.*\nhost = *\n");

static const struct row {
	const char *host, *accel, *kernel, *plan, *words;
} rows[] = {
	{ "amd", "kvm", "6.5.0", "none", "expect=a* expect=b" },
	{ "amd", "kvm", "6.1.0", "none", "expect=a* expect=b expect=c" },
	{ "intel", "kvm", "6.1.0", "none", "expect=c" },
	{ "intel", "kvm", "6.5.0", "none", "" },
	{ "amd", "kvm", "6.5.0", "pause", "expect=d" },
	{ "intel", "tcg", "6.5.0", "storm", "expect=*" },
	{ "intel", "kvm", "6.5.0", "storm", "" },
};

static void test_rows(void)
{
	g_autofree char *path = g_strdup_printf("%s/ferry-issues-XXXXXX", g_get_tmp_dir());
	g_autoptr(GPtrArray) issues = NULL;
	int fd = g_mkstemp(path);

	g_assert_cmpint(fd, >=, 0);
	g_assert_true(g_close(fd, NULL));
	g_assert_true(g_file_set_contents(path, issues_text, -1, NULL));
	issues = known_issues_load(path, NULL);
	g_assert_nonnull(issues);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct program program = { .name = (char *)"prog" };
		struct plan plan = { .name = rows[i].plan };
		struct test_case test_case = { .program = &program, .plan = &plan };
		/* Inside a lab the environment is called "local". */
		struct environment environment = { .host = (char *)"local",
						   .accel = (char *)rows[i].accel,
						   .cpu_emulated = TRUE,
						   .kernel = (char *)rows[i].kernel };
		g_autofree char *words =
			known_issues_expected(issues, &test_case, rows[i].host, &environment);

		g_assert_cmpstr(words, ==, rows[i].words);
	}
	g_assert_cmpint(g_remove(path), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/expected-failures", test_rows);
	return g_test_run();
}
