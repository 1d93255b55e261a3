// SPDX-License-Identifier: GPL-2.0-or-later
/* host/run/known-issues.c: how known-issues.cfg changes results. */
#include <glib/gstdio.h>
#include <string.h>

#include "lab/kinds.h"
#include "plan/plan.h"
#include "run/known-issues.h"
#include "util/paths.h"

static const char issues_text[] = "[alpha]\n"
				  "case = prog/*\n"
				  "test = al* ome?a\n"
				  "host = amd\n"
				  "reason = alpha is broken there\n"
				  "evidence = somewhere\n"
				  "[beta]\n"
				  "case = prog/none\n"
				  "test = beta\n"
				  "host = *\n"
				  "kernel = 6.1..6.4 6.10..6.12.9\n"
				  "reason = beta is broken there\n"
				  "evidence = somewhere\n"
				  "[said]\n"
				  "case = other/x prog/pause\n"
				  "failure = CPU \\d is late(, again)*\n"
				  "host = intel tcg\n"
				  "reason = it is slow\n"
				  "evidence = somewhere\n"
				  "[died]\n"
				  "case = prog/none\n"
				  "failure = died.*\n"
				  "host = *\n"
				  "sometimes = true\n"
				  "reason = it dies now and then\n"
				  "evidence = somewhere\n"
				  "[dies-in-a-test]\n"
				  "case = prog/snapshot\n"
				  "test = alpha\n"
				  "failure = (died|alpha failed).*\n"
				  "then = it.was.dead\n"
				  "host = *\n"
				  "reason = it dies in alpha\n"
				  "evidence = somewhere\n"
				  "[any-test]\n"
				  "case = prog/storm\n"
				  "host = *\n"
				  "sometimes = true\n"
				  "reason = any test may fail\n"
				  "evidence = somewhere\n"
				  "[emulated]\n"
				  "case = prog/precopy\n"
				  "test = delta\n"
				  "host = amd tcg\n"
				  "emulator = ..7.2\n"
				  "reason = the emulator is wrong\n"
				  "evidence = somewhere\n"
				  "[shadow-paging]\n"
				  "case = prog/precopy\n"
				  "test = zeta\n"
				  "host = amd\n"
				  "kvm = npt=0\n"
				  "reason = shadow paging is wrong\n"
				  "evidence = somewhere\n"
				  "[of-qemu]\n"
				  "case = prog/precopy\n"
				  "test = epsilon\n"
				  "host = *\n"
				  "qemu = 7.0..7.2\n"
				  "reason = QEMU is wrong\n"
				  "evidence = somewhere\n"
				  "[lost-by-qemu]\n"
				  "case = prog/*\n"
				  "restored = qemu\n"
				  "written-back = true\n"
				  "test = eta\n"
				  "host = *\n"
				  "sometimes = true\n"
				  "reason = QEMU does not save it\n"
				  "evidence = somewhere\n";

static const struct row {
	const char *label, *host, *kernel, *plan;
	enum verdict verdict;
	/* "NAME:VERDICT NAME:VERDICT!WORD ...": a WORD is a further check that failed. */
	const char *tests;
	/* Other failures, "TEXT|TEXT@TEST|..."; in the expectation without those that are known. */
	const char *failures;
	enum verdict expected;
	const char *expected_tests, *expected_failures;
	const char *reason; /* how the result's reason begins afterwards, or NULL */
	gboolean warning;
	gboolean hardware;    /* the lab's CPU is not emulated */
	const char *inside;   /* the host whose issues were applied before, inside a lab; or NULL */
	const char *emulator; /* its version; NULL: not known */
	const char *vmm, *version, *other; /* NULL: "qemu", and not told */
	const char *npt;		   /* of kvm_amd; NULL: not known */
} rows[] = {
	{ "one", "amd", "6.1.0", "none", VERDICT_FAIL, "a:pass alpha:fail", "", VERDICT_XFAIL,
	  "a:pass alpha:xfail", "", "alpha is broken" },
	{ "two-issues", "amd", "6.1.0", "none", VERDICT_FAIL, "alpha:fail beta:fail", "",
	  VERDICT_XFAIL, "alpha:xfail beta:xfail", "", "alpha is broken" },
	{ "second-glob", "amd", "6.1.0", "none", VERDICT_FAIL, "omega:fail", "", VERDICT_XFAIL,
	  "omega:xfail", "", "alpha is broken" },
	{ "besides", "amd", "6.1.0", "none", VERDICT_FAIL, "alpha:fail gamma:fail", "",
	  VERDICT_FAIL, "alpha:xfail gamma:fail", "", "gamma: gamma failed (besides" },
	{ "other-host", "local", "6.1.0", "none", VERDICT_FAIL, "alpha:fail", "", VERDICT_FAIL,
	  "alpha:fail", "", "first" },
	{ "like-amd", "moon", "6.1.0", "none", VERDICT_FAIL, "alpha:fail", "", VERDICT_XFAIL,
	  "alpha:xfail", "", "alpha is broken" },
	{ "like-amd-is-not-intel", "moon", "6.1.0", "pause", VERDICT_FAIL, "", "CPU 1 is late",
	  VERDICT_FAIL, "", "CPU 1 is late", "first" },
	{ "like-amd-on-hardware", "moon", "6.1.0", "none", VERDICT_FAIL, "alpha:fail", "",
	  VERDICT_FAIL, "alpha:fail", "", "first", .hardware = TRUE },
	{ "unlike-amd", "sun", "6.1.0", "none", VERDICT_FAIL, "alpha:fail", "", VERDICT_FAIL,
	  "alpha:fail", "", "first" },
	{ "hardware", "amd", "6.1.0", "none", VERDICT_FAIL, "alpha:fail", "", VERDICT_FAIL,
	  "alpha:fail", "", "first", .hardware = TRUE },
	{ "any-host-on-hardware", "amd", "6.1.0", "none", VERDICT_FAIL, "beta:fail", "",
	  VERDICT_XFAIL, "beta:xfail", "", "beta is broken", .hardware = TRUE },
	{ "other-kernel", "amd", "6.5.0", "none", VERDICT_FAIL, "beta:fail", "", VERDICT_FAIL,
	  "beta:fail", "", "first" },
	{ "second-range", "amd", "6.12.9", "none", VERDICT_FAIL, "beta:fail", "", VERDICT_XFAIL,
	  "beta:xfail", "", "beta is broken" },
	{ "mended-in-stable", "amd", "6.12.10", "none", VERDICT_FAIL, "beta:fail", "", VERDICT_FAIL,
	  "beta:fail", "", "first" },
	{ "other-plan", "amd", "6.1.0", "pause", VERDICT_FAIL, "beta:fail", "", VERDICT_FAIL,
	  "beta:fail", "", "first" },
	{ "violation-too", "amd", "6.1.0", "none", VERDICT_FAIL, "alpha:fail", "lost a line",
	  VERDICT_FAIL, "alpha:xfail", "lost a line", "lost a line (besides" },
	{ "end-in-a-known-test", "amd", "6.1.0", "none", VERDICT_FAIL, "alpha:unfinished",
	  "reset itself@alpha", VERDICT_FAIL, "alpha:fail", "reset itself@alpha", "first" },
	{ "end-after-a-known-test", "amd", "6.1.0", "none", VERDICT_FAIL, "alpha:fail",
	  "reset itself", VERDICT_FAIL, "alpha:xfail", "reset itself", "reset itself (besides" },
	{ "known-end", "amd", "6.1.0", "none", VERDICT_ERROR, "gamma:unfinished", "died@gamma",
	  VERDICT_XFAIL, "gamma:xfail", "", "it dies" },
	{ "known-end-after-a-check", "amd", "6.1.0", "none", VERDICT_ERROR,
	  "gamma:unfinished!found", "died@gamma", VERDICT_ERROR, "gamma:fail", "",
	  "gamma: found (besides" },
	{ "known-end-after-a-known-check", "amd", "6.1.0", "none", VERDICT_ERROR,
	  "alpha:unfinished!found", "died@alpha", VERDICT_XFAIL, "alpha:xfail", "", "it dies" },
	{ "two-ends-one-known", "amd", "6.1.0", "none", VERDICT_ERROR, "gamma:unfinished",
	  "died@gamma|late", VERDICT_ERROR, "gamma:fail", "late", "late (besides" },
	{ "no-test", "amd", "6.1.0", "none", VERDICT_ERROR, "", "no disk", VERDICT_ERROR, "",
	  "no disk", "first" },
	{ "any-test", "local", "6.9.0", "storm", VERDICT_FAIL, "gamma:fail!more", "", VERDICT_XFAIL,
	  "gamma:xfail", "", "any test" },
	{ "any-test-is-no-end", "local", "6.9.0", "storm", VERDICT_ERROR, "gamma:fail", "died",
	  VERDICT_ERROR, "gamma:xfail", "died", "died (besides" },
	{ "in-its-test", "local", "6.1.0", "snapshot", VERDICT_ERROR, "alpha:unfinished",
	  "died@alpha", VERDICT_XFAIL, "alpha:xfail", "", "it dies in alpha" },
	{ "in-another-test", "local", "6.1.0", "snapshot", VERDICT_ERROR, "gamma:unfinished",
	  "died@gamma", VERDICT_ERROR, "gamma:fail", "died@gamma", "first" },
	{ "between-tests", "local", "6.1.0", "snapshot", VERDICT_ERROR, "", "died", VERDICT_ERROR,
	  "", "died", "first" },
	{ "further-check", "local", "6.1.0", "snapshot", VERDICT_FAIL, "alpha:fail!died-again", "",
	  VERDICT_XFAIL, "alpha:xfail", "", "it dies in alpha" },
	{ "further-check-follows", "local", "6.1.0", "snapshot", VERDICT_FAIL,
	  "alpha:fail!it-was-dead", "", VERDICT_XFAIL, "alpha:xfail", "", "it dies in alpha" },
	{ "further-check-is-another", "local", "6.1.0", "snapshot", VERDICT_FAIL, "alpha:fail!late",
	  "", VERDICT_FAIL, "alpha:fail", "", "first" },
	{ "said", "local", "6.1.0", "pause", VERDICT_FAIL, "", "CPU 3 is late, again",
	  VERDICT_XFAIL, "", "", "it is slow" },
	{ "said-and-more", "local", "6.1.0", "pause", VERDICT_FAIL, "", "CPU 3 is late, and hot",
	  VERDICT_FAIL, "", "CPU 3 is late, and hot", "first" },
	{ "dies-in-a-lab", "amd", "6.1.0", "none", VERDICT_ERROR, "alpha:fail gamma:unfinished",
	  "died of it@gamma", VERDICT_XFAIL, "alpha:xfail gamma:xfail", "", "alpha is broken",
	  .inside = "local" },
	{ "passes-now", "amd", "6.9.0", "none", VERDICT_PASS, "alpha:pass", "", VERDICT_PASS,
	  "alpha:pass", "", NULL, TRUE },
	{ "second-glob-passes", "amd", "6.9.0", "none", VERDICT_PASS, "omega:pass", "",
	  VERDICT_PASS, "omega:pass", "", NULL, TRUE },
	{ "not-tried", "amd", "6.9.0", "none", VERDICT_PASS, "gamma:pass", "", VERDICT_PASS,
	  "gamma:pass", "", NULL },
	{ "skipped", "amd", "6.9.0", "none", VERDICT_PASS, "alpha:skip gamma:pass", "",
	  VERDICT_PASS, "alpha:skip gamma:pass", "", NULL },
	{ "sometimes", "local", "6.9.0", "storm", VERDICT_PASS, "gamma:pass", "", VERDICT_PASS,
	  "gamma:pass", "", NULL },
	{ "emulator", "amd", "6.1.0", "precopy", VERDICT_FAIL, "delta:fail", "", VERDICT_XFAIL,
	  "delta:xfail", "", "the emulator", .emulator = "7.2.22", .version = "11.1.3" },
	{ "newer-emulator", "amd", "6.1.0", "precopy", VERDICT_FAIL, "delta:fail", "", VERDICT_FAIL,
	  "delta:fail", "", "first", .emulator = "11.1.3", .version = "7.2.22" },
	{ "unknown-emulator", "amd", "6.1.0", "precopy", VERDICT_FAIL, "delta:fail", "",
	  VERDICT_FAIL, "delta:fail", "", "first", .version = "7.2.22" },
	{ "tcg-emulates", "local", "6.1.0", "precopy", VERDICT_FAIL, "delta:fail", "",
	  VERDICT_XFAIL, "delta:xfail", "", "the emulator", .version = "7.2.22" },
	{ "newer-tcg", "local", "6.1.0", "precopy", VERDICT_FAIL, "delta:fail", "", VERDICT_FAIL,
	  "delta:fail", "", "first", .version = "11.1.3" },
	{ "qemu", "amd", "6.1.0", "precopy", VERDICT_FAIL, "epsilon:fail", "", VERDICT_XFAIL,
	  "epsilon:xfail", "", "QEMU is wrong", .emulator = "11.1.3", .version = "7.2.22" },
	{ "newer-qemu", "amd", "6.1.0", "precopy", VERDICT_FAIL, "epsilon:fail", "", VERDICT_FAIL,
	  "epsilon:fail", "", "first", .emulator = "7.2.22", .version = "11.1.3" },
	{ "one-of-two-qemus", "amd", "6.1.0", "precopy", VERDICT_FAIL, "epsilon:fail", "",
	  VERDICT_XFAIL, "epsilon:xfail", "", "QEMU is wrong", .version = "11.1.3",
	  .other = "7.2.22" },
	{ "no-qemu", "amd", "6.1.0", "precopy", VERDICT_FAIL, "epsilon:fail", "", VERDICT_FAIL,
	  "epsilon:fail", "", "first", .vmm = "native", .version = "7" },
	{ "without-npt", "amd", "6.1.0", "precopy", VERDICT_FAIL, "zeta:fail", "", VERDICT_XFAIL,
	  "zeta:xfail", "", "shadow paging is wrong", .npt = "N" },
	{ "with-npt", "amd", "6.1.0", "precopy", VERDICT_FAIL, "zeta:fail", "", VERDICT_FAIL,
	  "zeta:fail", "", "first", .npt = "Y" },
	{ "restored", "amd", "6.1.0", "precopy", VERDICT_FAIL, "eta:fail", "", VERDICT_XFAIL,
	  "eta:xfail", "", "QEMU does not save it" },
	{ "restored-by-another", "amd", "6.1.0", "precopy", VERDICT_FAIL, "eta:fail", "",
	  VERDICT_FAIL, "eta:fail", "", "first", .vmm = "native" },
	{ "written-back", "amd", "6.1.0", "pause+peek", VERDICT_FAIL, "eta:fail", "", VERDICT_XFAIL,
	  "eta:xfail", "", "QEMU does not save it" },
	{ "not-restored", "amd", "6.1.0", "pause", VERDICT_FAIL, "eta:fail", "", VERDICT_FAIL,
	  "eta:fail", "", "first" },
	{ "unknown-npt", "amd", "6.1.0", "precopy", VERDICT_FAIL, "zeta:fail", "", VERDICT_FAIL,
	  "zeta:fail", "", "first" },
};

static void add_tests(struct result *result, const char *tests)
{
	g_auto(GStrv) words = g_strsplit(tests, " ", -1);

	for (char **word = words; *word && **word; word++) {
		struct test_result *test = g_new0(struct test_result, 1);
		g_auto(GStrv) parts = g_strsplit_set(*word, ":!", 3);

		test->name = g_strdup(parts[0]);
		test->unfinished = g_str_equal(parts[1], "unfinished");
		test->verdict = g_strdup(test->unfinished ? "fail" : parts[1]);
		test->reason = g_strdup_printf("%s failed", test->name);
		if (parts[2])
			result_add_text(&test->further, parts[2]);
		g_ptr_array_add(result->tests, test);
	}
}

static void add_failures(struct result *result, const char *failures)
{
	g_auto(GStrv) words = g_strsplit(failures, "|", -1);

	for (char **word = words; *word && **word; word++) {
		g_auto(GStrv) parts = g_strsplit(*word, "@", 2);

		result_add_failure(result, KIND_GUEST_END, parts[0], parts[1]);
	}
}

static char *failures_of(const struct result *result)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < result->failures->len; i++) {
		const struct failure *failure = result->failures->pdata[i];

		if (!failure->known)
			g_string_append_printf(text, "%s%s%s%s", text->len ? "|" : "",
					       failure->text, failure->test ? "@" : "",
					       failure->test ? failure->test : "");
	}
	return g_string_free(text, FALSE);
}

static char *tests_of(const struct result *result)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];

		g_string_append_printf(text, "%s%s:%s", i ? " " : "", test->name, test->verdict);
	}
	return g_string_free(text, FALSE);
}

/* Reads the issues in TEXT. Returns NULL and sets ERROR if something in it is wrong. */
static GPtrArray *load(const char *text, GError **error)
{
	g_autofree char *path = g_strdup_printf("%s/ferry-issues-XXXXXX", g_get_tmp_dir());
	int fd = g_mkstemp(path);
	GPtrArray *issues;

	g_assert_cmpint(fd, >=, 0);
	g_assert_true(g_close(fd, NULL));
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	issues = known_issues_load(path, error);
	g_assert_cmpint(g_remove(path), ==, 0);
	return issues;
}

static void test_unknown_host(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(load("[x]\ncase = *\nhost = * amt\nreason = r\nevidence = e\n", &error));
	g_assert_nonnull(strstr(error->message, "[x]: unknown host 'amt' (did you mean 'amd'?)"));
}

static void test_unknown_vmm(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(load("[x]\ncase = *\nrestored = qemo\nhost = *\nreason = r\nevidence = e\n",
			   &error));
	g_assert_nonnull(strstr(error->message, "[x]: unknown VMM 'qemo' (did you mean 'qemu'?)"));
}

static void test_bad_kvm(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(
		load("[x]\ncase = *\nhost = *\nkvm = npt\nreason = r\nevidence = e\n", &error));
	g_assert_nonnull(strstr(error->message, "[x]: kvm: --kvm takes NAME=VALUE,..."));
}

static void test_then_alone(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(
		load("[x]\ncase = *\nhost = *\nthen = a\nreason = r\nevidence = e\n", &error));
	g_assert_nonnull(strstr(error->message, "[x] has 'then' and no 'failure'"));
}

/* Does each range of KEY end somewhere? */
static gboolean ends(GKeyFile *file, const char *group, const char *key)
{
	g_autofree char *text = g_key_file_get_string(file, group, key, NULL);
	g_auto(GStrv) ranges = g_strsplit(text ? text : "", " ", -1);

	for (char **range = ranges; *range; range++)
		if (!strstr(*range, "..") || g_str_has_suffix(*range, ".."))
			return FALSE;
	return *ranges != NULL;
}

/* GLib merges two groups of the same name, so this looks for names that come twice. */
static void check_names(const char *path, guint groups)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	guint named = 0;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++)
		named += **line == '[';
	if (named != groups)
		g_error("%s: %u groups have %u names", path, named, groups);
}

/* A group without a last version would hide for ever that its bug is back. */
static void test_own_file(void)
{
	g_autofree char *path = source_path("known-issues.cfg");
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) groups = NULL;

	g_assert_true(g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &error));
	groups = g_key_file_get_groups(file, NULL);
	check_names(path, g_strv_length(groups));
	for (char **group = groups; *group; group++)
		if (!ends(file, *group, "kernel") && !ends(file, *group, "qemu") &&
		    !ends(file, *group, "emulator") &&
		    !g_key_file_has_key(file, *group, "unlimited", NULL))
			g_error("%s: [%s] ends with no version of kernel, qemu or emulator; if it must not, say why in 'unlimited'",
				path, *group);
}

static void test_row(gconstpointer data)
{
	const struct row *row = data;
	g_autofree char *tests = NULL, *failures = NULL;
	g_autoptr(GPtrArray) issues = load(issues_text, NULL);
	struct program program = { .name = (char *)"prog" };
	const struct plan *real = plan_find(row->plan);
	struct plan plan = { .name = row->plan,
			     .restores = real && real->restores,
			     .options = real ? real->options : 0 };
	struct test_case test_case = { .program = &program, .plan = &plan };
	g_autoptr(GHashTable) parameters = g_hash_table_new(g_str_hash, g_str_equal);
	struct environment environment = {
		.host = (char *)row->host,
		.accel = (char *)(g_str_equal(row->host, "local") ? "tcg" : "kvm"),
		.vmm = (char *)(row->vmm ?: "qemu"),
		.emulator_version = (char *)row->emulator,
		.kvm_parameters = row->npt ? parameters : NULL,
		.cpu_emulated = !row->hardware,
		.kernel = (char *)row->kernel
	};
	struct result *result = result_new(&test_case, &environment);

	g_hash_table_insert(parameters, (gpointer) "kvm_amd.npt", (gpointer)row->npt);
	g_assert_nonnull(issues);
	result->vmm_version = g_strdup(row->version);
	result->other_vmm_version = g_strdup(row->other);
	result->verdict = row->verdict;
	if (row->verdict != VERDICT_PASS)
		result->reason = g_strdup("first");
	add_tests(result, row->tests);
	add_failures(result, row->failures);

	if (row->inside) {
		environment.host = (char *)row->inside;
		known_issues_apply(issues, result);
		environment.host = (char *)row->host;
	}
	known_issues_apply(issues, result);

	tests = tests_of(result);
	failures = failures_of(result);
	g_assert_cmpint(result->verdict, ==, row->expected);
	g_assert_cmpstr(tests, ==, row->expected_tests);
	g_assert_cmpstr(failures, ==, row->expected_failures);
	g_assert_cmpint(result->warning != NULL, ==, row->warning);
	if (row->reason)
		g_assert_true(g_str_has_prefix(result->reason, row->reason));
	result_free(result);
}

int main(int argc, char **argv)
{
	static const struct lab_kind moon = { .name = "moon", .emulates_like = "amd" };

	g_test_init(&argc, &argv, NULL);
	lab_kind_pretend(&moon);
	g_test_add_func("/known-issues/unknown-host", test_unknown_host);
	g_test_add_func("/known-issues/unknown-vmm", test_unknown_vmm);
	g_test_add_func("/known-issues/bad-kvm", test_bad_kvm);
	g_test_add_func("/known-issues/then-alone", test_then_alone);
	g_test_add_func("/known-issues/own-file", test_own_file);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strdup_printf("/known-issues/%s", rows[i].label);

		g_test_add_data_func(path, &rows[i], test_row);
	}
	return g_test_run();
}
