// SPDX-License-Identifier: GPL-2.0-or-later
/* The file corpus/verdicts, the areas of patches, and the page docs/corpus.md. */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "cli/corpus-area.h"
#include "cli/corpus-hash.h"
#include "cli/corpus-matrix.h"
#include "cli/corpus-page.h"
#include "cli/corpus-score.h"
#include "util/paths.h"

/* Makes a folder with a file `verdicts` that holds TEXT. The caller removes both and frees the
 * path. */
static char *verdicts_with(const char *text)
{
	g_autofree char *folder = g_dir_make_tmp("unit-corpus-XXXXXX", NULL);
	char *path = g_build_filename(folder, "verdicts", NULL);

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	return path;
}

static void remove_verdicts(const char *path)
{
	g_autofree char *folder = g_path_get_dirname(path);

	g_assert_cmpint(g_unlink(path), ==, 0);
	/* Nothing else was left there. */
	g_assert_cmpint(g_rmdir(folder), ==, 0);
}

/* The text of the file after its comment. The caller frees it. */
static char *lines_of(const char *path)
{
	g_autofree char *text = NULL;
	const char *lines;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_true(g_str_has_prefix(text, "# SPDX"));
	lines = strstr(text, "\n\n");
	g_assert_nonnull(lines);
	return g_strdup(lines + strlen("\n\n"));
}

static void keep(const char *path, const struct verdict_line *line)
{
	g_autoptr(GPtrArray) lines = verdicts_new();
	g_autoptr(GError) error = NULL;

	verdicts_add(lines, line);
	verdicts_keep(path, lines, &error);
	g_assert_no_error(error);
}

static void test_bad_lines(void)
{
	static const struct {
		const char *text, *told;
	} rows[] = {
		{ "p caught a/none 1.0 h\n",
		  ":1: 5 words, and a line is PATCH VERDICT CASE SECONDS HASH TEST" },
		{ "# comment\n\np cought a/none 1.0 h t\n",
		  ":3: unknown verdict 'cought' (did you mean 'caught'?)" },
		{ "p caught a/none soon h t\n", ":1: 'soon' is no number of seconds" },
		{ "p missed - - h -\np caught a/none 1.0 h t\n",
		  ":2: p stands here twice; keep one of the lines" },
		{ "unpatched-kvm clean a/none 1 - -\nunpatched-kvm clean a/none 2 - -\n",
		  ":2: unpatched-kvm a/none stands here twice; keep one of the lines" },
		{ "unpatched-kvm clean a/none 1.5 - -\n", ":1: '1.5' is no number of passes" },
		{ "unpatched-kvm missed a/none 1 - -\n",
		  ":1: 'missed' is no verdict of unpatched-kvm" },
		{ "p clean a/none 1 - -\n", ":1: 'clean' is no verdict of p" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = verdicts_with(rows[i].text);
		g_autofree char *told = g_strconcat(path, rows[i].told, NULL);
		g_autofree char *text = NULL;
		g_autoptr(GPtrArray) none = verdicts_new();
		g_autoptr(GError) error = NULL;

		g_assert_null(verdicts_read(path, &error));
		g_assert_cmpstr(error->message, ==, told);
		g_clear_error(&error);
		/* Nor is it overwritten. */
		g_assert_false(verdicts_keep(path, none, &error));
		g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
		g_assert_cmpstr(text, ==, rows[i].text);
		remove_verdicts(path);
	}
}

/* A verdict replaces an older one of the same patch, and no other. */
static void test_keeping(void)
{
	g_autofree char *path = verdicts_with("svm_b missed - - 11 -\n"
					      "svm_a caught x/none 1.5 22 t\n"
					      "vmx_c caught x/none - 33 t\n");
	g_autofree char *lines = NULL;

	keep(path, &(struct verdict_line){
			   .patch = (char *)"svm_b",
			   .verdict = BUG_CAUGHT,
			   .case_name = (char *)"y/precopy",
			   .seconds = 12.34,
			   .hash = (char *)"44",
			   .test = (char *)"u",
		   });
	lines = lines_of(path);
	g_assert_cmpstr(lines, ==,
			"svm_a caught x/none 1.5 22 t\n"
			"svm_b caught y/precopy 12.3 44 u\n"
			"\n"
			"vmx_c caught x/none - 33 t\n");
	remove_verdicts(path);
}

/* If a patch could not be tried, its old verdict stays, unless the patch has changed since. */
static void test_not_tried(void)
{
	static const struct {
		const char *hash, *lines;
	} rows[] = {
		{ "11", "p caught x/none 1.5 11 t\n" },
		{ "22", "p not-built - - 22 -\n" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = verdicts_with("p caught x/none 1.5 11 t\n");
		g_autofree char *lines = NULL;

		keep(path, &(struct verdict_line){ .patch = (char *)"p",
						   .verdict = BUG_NOT_BUILT,
						   .seconds = -1,
						   .hash = (char *)rows[i].hash });
		lines = lines_of(path);
		g_assert_cmpstr(lines, ==, rows[i].lines);
		remove_verdicts(path);
	}
}

static void test_tried(void)
{
	static const struct {
		const char *text, *hash;
		gboolean tried;
	} rows[] = {
		{ "p caught x/none 1.5 11 t\n", "11", TRUE },
		{ "p missed - - 11 -\n", "11", TRUE },
		{ "p broke-kernel - - 11 -\n", "11", TRUE },
		{ "p caught x/none 1.5 11 t\n", "22", FALSE },
		{ "p not-built - - 11 -\n", "11", FALSE },
		{ "p not-run - - 11 -\n", "11", FALSE },
		{ "q missed - - 11 -\n", "11", FALSE },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = verdicts_with(rows[i].text);
		g_autoptr(GPtrArray) lines = verdicts_read(path, NULL);

		g_test_message("%s %s", rows[i].text, rows[i].hash);
		g_assert_true(verdicts_tried(lines, "p", rows[i].hash) == rows[i].tried);
		remove_verdicts(path);
	}
}

static void keep_unbroken(const char *path, const char *test)
{
	keep(path, &(struct verdict_line){
			   .patch = (char *)"unpatched-kvm",
			   .verdict = test ? UNBROKEN_FALSE_ALARM : UNBROKEN_CLEAN,
			   .case_name = (char *)"x/none",
			   .passes = !test,
			   .test = (char *)test,
		   });
}

/* For each case, passes are counted since the last false alarm. */
static void test_passes(void)
{
	g_autofree char *path = verdicts_with("unpatched-kvm clean y/none 7 - -\n");
	g_autofree char *alarm = NULL, *clean = NULL;

	keep_unbroken(path, NULL);
	keep_unbroken(path, NULL);
	keep_unbroken(path, "t");
	alarm = lines_of(path);
	g_assert_cmpstr(alarm, ==,
			"unpatched-kvm clean y/none 7 - -\n"
			"unpatched-kvm false-alarm x/none 0 - t\n");
	keep_unbroken(path, NULL);
	keep_unbroken(path, NULL);
	clean = lines_of(path);
	g_assert_cmpstr(clean, ==,
			"unpatched-kvm clean x/none 2 - -\n"
			"unpatched-kvm clean y/none 7 - -\n");
	remove_verdicts(path);
}

/* On a full disk the file does not change, and later a verdict can be kept again. */
static void test_full_disk(void)
{
	static const char before[] = "p missed - - 11 -\n";
	g_autofree char *path = verdicts_with(before), *text = NULL, *lines = NULL;
	g_autoptr(GPtrArray) none = verdicts_new();
	g_autoptr(GError) error = NULL;
	struct rlimit unlimited, limit;

	signal(SIGXFSZ, SIG_IGN);
	g_assert_cmpint(getrlimit(RLIMIT_FSIZE, &unlimited), ==, 0);
	limit = unlimited;
	limit.rlim_cur = 10;
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
	g_assert_false(verdicts_keep(path, none, &error));
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &unlimited), ==, 0);
	g_assert_nonnull(strstr(error->message, path));
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, before);
	g_clear_error(&error);
	g_assert_true(verdicts_keep(path, none, &error));
	lines = lines_of(path);
	g_assert_cmpstr(lines, ==, before);
	remove_verdicts(path);
}

static void test_no_folder(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(verdicts_check("/nowhere/verdicts", &error));
	g_assert_cmpstr(
		error->message, ==,
		"cannot write /nowhere/verdicts: No such file or directory; --verdicts=FILE names another file");
}

/* A change of text for people makes no verdict stale. A change of what is built or run does. */
static void test_hash(void)
{
	static const struct {
		const char *text;
		gboolean same;
	} rows[] = {
		{ "// Breaks: b\n// Cases: c\n// Test: t\n\n- x\n", TRUE },
		{ "// Breaks: other\n// Missed: m\n// Cases: c\n//\n// Why.\n// Test: t\n\n- x\n",
		  TRUE },
		{ "// Breaks: b\n// Cases: d\n// Test: t\n\n- x\n", FALSE },
		{ "// Breaks: b\n// KVM: npt=0\n// Cases: c\n// Test: t\n\n- x\n", FALSE },
		{ "// Breaks: b\n// Cases: c\n// Test: t\n\n- y\n", FALSE },
		{ "// Breaks: b\n// Cases: c\n// Test: t\n\n- x\n// Why.\n", FALSE },
	};
	g_auto(GStrv) first = g_strsplit(rows[0].text, "\n", -1);
	g_autofree char *hash = hash_of_patch(first);

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(GStrv) lines = g_strsplit(rows[i].text, "\n", -1);
		g_autofree char *other = hash_of_patch(lines);

		g_test_message("%s", rows[i].text);
		g_assert_true(g_str_equal(hash, other) == rows[i].same);
	}
}

/* ---- the page ---- */

static struct bug some_bugs[] = {
	{ .name = (char *)"svm_caught", .breaks = (char *)"a|b", .hash = (char *)"11" },
	{ .name = (char *)"svm_changed", .breaks = (char *)"b", .hash = (char *)"22" },
	{ .name = (char *)"svm_known",
	  .breaks = (char *)"c",
	  .hash = (char *)"33",
	  .missed = (char *)"it hides" },
	{ .name = (char *)"svm_measured", .breaks = (char *)"d", .hash = (char *)"44" },
	{ .name = (char *)"svm_never", .breaks = (char *)"e", .hash = (char *)"55" },
	{ .name = (char *)"svm_unexplained", .breaks = (char *)"f", .hash = (char *)"66" },
	{ .name = (char *)"svm_unseen", .breaks = (char *)"g", .hash = (char *)"77" },
};

/* If no verdict fits the current patch, the matrix's measurements count. */
static char *some_page(const char *verdicts_text)
{
	static char *tests[] = { (char *)"t*", NULL };
	g_autoptr(GPtrArray) bugs = g_ptr_array_new(), verdicts = NULL, entries = NULL;
	g_autofree char *path = verdicts_with(verdicts_text);
	struct matrix *matrix = matrix_new();
	char *page;

	for (gsize i = 0; i < G_N_ELEMENTS(some_bugs); i++) {
		some_bugs[i].kind = &bug_kinds[0];
		some_bugs[i].tests = tests;
		g_ptr_array_add(bugs, &some_bugs[i]);
	}
	verdicts = verdicts_read(path, NULL);
	matrix_set(matrix, &(struct matrix_line){ .patch = (char *)MATRIX_UNPATCHED,
						  .case_name = (char *)"m/none",
						  .hash = (char *)"-9" });
	for (guint i = 0; i < 2; i++)
		matrix_set(matrix, &(struct matrix_line){
					   .patch = (char *)(i ? "svm_measured" : "svm_unseen"),
					   .case_name = (char *)"m/none",
					   .verdict = MATRIX_FAIL,
					   .seconds = 3,
					   .hash = (char *)(i ? "44-9" : "77-9"),
					   /* not the test that must catch it */
					   .test = (char *)(i ? "tm" : "um") });
	entries = score_entries(bugs, verdicts, matrix);
	page = score_page(entries, verdicts);
	matrix_free(matrix);
	remove_verdicts(path);
	return page;
}

static void has(const char *page, const char *words)
{
	if (!strstr(page, words))
		g_error("'%s' is not in the page:\n%s", words, page);
}

static void test_page(void)
{
	g_autofree char *page = some_page("svm_caught caught x/none 12.3 11 t\n"
					  "svm_changed caught x/none 12.3 21 t\n"
					  "svm_known missed - - 33 -\n"
					  "svm_unexplained missed - - 66 -\n"
					  "unpatched-kvm clean x/none 3 - -\n"
					  "unpatched-kvm clean y/none 2 - -\n"
					  "unpatched-kvm-lab false-alarm z/none 0 - t\n");

	has(page,
	    "**2 of 7 are caught (28 %)**: 2 of 7 KVMs (28 %), 0 of 0 QEMUs (0 %). 2 are missed.");
	has(page, " 3 have no verdict yet; of the 4 that have one, 50 % are caught.\n");
	has(page, "\n| nested SVM | 7 | 2 | 2 | 3 |\n| all | 7 | 2 | 2 | 3 |\n");
	has(page, "\n- `svm_known`: c. Missed because it hides.\n");
	has(page, "\n- `svm_unexplained`: f. Nobody has found out why yet.\n");
	has(page, "\nHas not run yet:\n\n`svm_never`, `svm_unseen`.\n");
	has(page, "\nHas changed since it ran:\n\n`svm_changed`.\n");
	has(page, "\n- `t` of `z/none`, on kvm-lab\n\n| cases ");
	has(page, "\n| 3 | 1 | 1 |\n");
	has(page, "\n| `svm_caught` | a\\|b | `t` | `x/none` | 12 s |\n");
	has(page, "\n| `svm_known` | c | **missed** | | |\n");
	has(page, "\n| `svm_measured` | d | `tm` | `m/none` | 3 s |\n");
}

static void test_areas(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) bugs = bugs_read(NULL, &error);

	g_assert_no_error(error);
	for (guint i = 0; i < bugs->len; i++) {
		const struct bug *bug = bugs->pdata[i];
		const char *area = corpus_area_of(bug->name);

		if (!area || !g_strv_contains(corpus_areas, area))
			g_error("%s has no area; add how its name begins to host/cli/corpus-area.c",
				bug->name);
	}
	g_assert_cmpstr(corpus_area_of("qemu_tsc_deadline_lost"), !=,
			corpus_area_of("qemu_tsc_lost"));
}

static char *text_of(const char *name)
{
	g_autofree char *path = source_path(name);
	g_autoptr(GError) error = NULL;
	char *text = NULL;

	g_file_get_contents(path, &text, NULL, &error);
	g_assert_no_error(error);
	return text;
}

/* The page of this source tree. */
static void test_page_is_current(void)
{
	g_autofree char *verdicts_path = source_path("corpus/verdicts");
	g_autofree char *matrix_path = source_path("corpus/matrix");
	g_autofree char *there = text_of("docs/corpus.md"), *made = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) bugs = bugs_read(NULL, &error), verdicts = NULL, entries = NULL;
	struct matrix *matrix = NULL;

	verdicts = error ? NULL : verdicts_read(verdicts_path, &error);
	matrix = error ? NULL : matrix_read(matrix_path, &error);
	g_assert_no_error(error);
	entries = score_entries(bugs, verdicts, matrix);
	made = score_page(entries, verdicts);
	if (!g_str_equal(made, there))
		g_error("docs/corpus.md is not what the patches, corpus/verdicts and corpus/matrix make; run 'build/ferry corpus score'");
	matrix_free(matrix);
}

/* Of what the matrix does not hold, the page tells what corpus/verdicts has. */
static void test_report_page(void)
{
	struct bug missed = { .name = (char *)"b_missed",
			      .breaks = (char *)"b",
			      .noticed = (char *)"n",
			      .missed = (char *)"no <reason>" };
	struct bug caught = missed, untried = missed;
	g_autoptr(GPtrArray) bugs = g_ptr_array_new(), verdicts = verdicts_new();
	struct matrix *matrix = matrix_new();
	g_autofree char *page = NULL;

	caught.name = (char *)"a_caught";
	untried.name = (char *)"c_untried";
	g_ptr_array_add(bugs, &caught);
	g_ptr_array_add(bugs, &missed);
	g_ptr_array_add(bugs, &untried);
	verdicts_add(verdicts, &(struct verdict_line){ .patch = (char *)"a_caught",
						       .verdict = BUG_CAUGHT,
						       .case_name = (char *)"dirty/storm",
						       .test = (char *)"dense",
						       .seconds = 3 });
	verdicts_add(verdicts, &(struct verdict_line){ .patch = (char *)"b_missed",
						       .verdict = BUG_MISSED,
						       .seconds = -1 });
	page = corpus_page(bugs, matrix, verdicts);
	g_assert_nonnull(strstr(page, "1 of 2 that were tried are noticed"));
	g_assert_nonnull(strstr(page, "1 missed, 0 did not run, 1 not tried"));
	g_assert_nonnull(
		strstr(page, "dirty/storm<br><span class=\"quiet\">in dense, after 3.0 s"));
	g_assert_nonnull(strstr(page, "Missed: no &lt;reason&gt;"));
	/* What nothing notices comes first. */
	g_assert_true(strstr(page, "b_missed") < strstr(page, "a_caught"));
	matrix_free(matrix);
}

static void add_test(struct result *result, const char *name, const char *verdict,
		     gint64 failed_at_ns)
{
	struct test_result *test = g_new0(struct test_result, 1);

	test->name = g_strdup(name);
	test->verdict = g_strdup(verdict);
	test->failed_at_ns = failed_at_ns;
	test->duration_ns = G_GINT64_CONSTANT(4000000000);
	g_ptr_array_add(result->tests, test);
}

/* A line of the matrix tells which test failed first, and when: not in the order of tests' ends. */
static void test_matrix_line(void)
{
	struct test_case test_case = { .name = (char *)"p/none" };
	struct environment environment = { 0 };
	struct result *result = result_new(&test_case, &environment);
	struct matrix_line line;

	result->duration_ns = G_GINT64_CONSTANT(10000000000);
	add_test(result, "good", "pass", -1);
	add_test(result, "known", "xfail", G_GINT64_CONSTANT(1000000000));
	matrix_line_set_end(&line, result);
	g_assert_null(line.test);
	g_assert_cmpfloat(line.seconds, ==, 10);
	add_test(result, "untimed", "fail", -1);
	matrix_line_set_end(&line, result);
	g_assert_cmpstr(line.test, ==, "untimed");
	g_assert_cmpfloat(line.seconds, ==, 10);
	add_test(result, "later", "fail", G_GINT64_CONSTANT(3000000000));
	add_test(result, "first", "fail", G_GINT64_CONSTANT(2000000000));
	add_test(result, "after", "pass", -1);
	matrix_line_set_end(&line, result);
	g_assert_cmpstr(line.test, ==, "first");
	g_assert_cmpfloat(line.seconds, ==, 2);
	result_free(result);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/corpus/report-page", test_report_page);
	g_test_add_func("/corpus/verdicts/bad-lines", test_bad_lines);
	g_test_add_func("/corpus/verdicts/keeping", test_keeping);
	g_test_add_func("/corpus/verdicts/not-tried", test_not_tried);
	g_test_add_func("/corpus/verdicts/tried", test_tried);
	g_test_add_func("/corpus/verdicts/passes", test_passes);
	g_test_add_func("/corpus/verdicts/full-disk", test_full_disk);
	g_test_add_func("/corpus/verdicts/no-folder", test_no_folder);
	g_test_add_func("/corpus/hash", test_hash);
	g_test_add_func("/corpus/matrix-line", test_matrix_line);
	g_test_add_func("/corpus/score/page", test_page);
	g_test_add_func("/corpus/score/areas", test_areas);
	g_test_add_func("/corpus/score/page-is-current", test_page_is_current);
	return g_test_run();
}
