// SPDX-License-Identifier: GPL-2.0-or-later
/* host/report/github.c, lava.c and kcidb.c: what they write for CI systems. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <unistd.h>

#include "report/kcidb.h"
#include "report/reporter.h"

/* Each character of this means something in one of the formats. */
#define NASTY "50% of <a|b>: `x`, *y*\nsecond"

static struct environment environment = {
	.host = (char *)"amd",
	.vmm = (char *)"qemu",
	.accel = (char *)"kvm",
	.kernel = (char *)"6.1.192",
	.cpu = (char *)"A CPU",
	.timescale = 1,
};

static struct program program = { .name = (char *)"pro" };

static struct test_case cases[] = {
	{ .program = &program, .name = (char *)"pro/none", .plan_name = "none" },
	{ .program = &program, .name = (char *)"pro/precopy+tcp#2", .plan_name = "precopy+tcp" },
	{ .program = &program, .name = (char *)"pro/storm", .plan_name = "storm" },
};

static void add_test(struct result *result, const char *name, const char *verdict,
		     const char *reason)
{
	struct test_result *test = g_new0(struct test_result, 1);

	test->name = g_strdup(name);
	test->verdict = g_strdup(verdict);
	test->reason = g_strdup(reason);
	test->issue = g_str_equal(verdict, "xfail") ? g_strdup("cpu-bug") : NULL;
	g_ptr_array_add(result->tests, test);
}

/* The first case fails, the second as known, and the lab dies before the third. */
static struct result *result_of(guint i)
{
	static const enum verdict verdicts[] = { VERDICT_FAIL, VERDICT_XFAIL, VERDICT_ERROR };
	struct result *result = result_new(&cases[i], &environment);

	result->verdict = verdicts[i];
	result->reason = g_strdup(i == 2 ? "the amd lab failed: burnt, down" : NASTY);
	result->kind = i == 2 ? KIND_LAB : KIND_CHECK;
	result->started = i == 2 ? 0 : 1700000000000000000;
	result->duration_ns = 1500000000;
	if (i < 2) {
		add_test(result, "good", "pass", NULL);
		add_test(result, "bad", i ? "xfail" : "fail", NASTY);
	} else {
		result_add_failure(result, KIND_LAB, result->reason, NULL);
	}
	return result;
}

static GPtrArray *all_cases(void)
{
	GPtrArray *array = g_ptr_array_new();

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
		g_ptr_array_add(array, &cases[i]);
	return array;
}

/* The path of a file that does not exist yet. The caller frees it. */
static char *new_path(void)
{
	char *path = NULL;

	close(g_file_open_tmp("unit-report-ci-XXXXXX", &path, NULL));
	return path;
}

static char *contents(const char *path)
{
	char *text = NULL;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return text;
}

/* Gives COUNT cases to a REPORTER that prints. Returns the printed text. */
static char *printed(const struct reporter *reporter, guint count)
{
	g_autoptr(GPtrArray) array = all_cases();
	g_autoptr(GError) error = NULL;
	g_autofree char *path = new_path();
	int saved = dup(STDOUT_FILENO), fd = g_open(path, O_WRONLY);
	char *text;
	void *data;

	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	close(fd);
	data = reporter->begin(NULL, &environment, array, &error);
	g_assert_no_error(error);
	for (guint i = 0; i < count; i++) {
		struct result *result = result_of(i);

		reporter->ended(data, result);
		result_free(result);
	}
	if (reporter->end)
		g_assert_true(
			reporter->end(data, G_N_ELEMENTS(cases) - count, "interrupted", &error));
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	text = contents(path);
	g_unlink(path);
	return text;
}

static void test_github(void)
{
	g_autofree char *summary_path = new_path(), *text = NULL, *summary = NULL;

	g_assert_true(g_file_set_contents(summary_path, "what a step before said\n", -1, NULL));
	g_setenv("GITHUB_STEP_SUMMARY", summary_path, TRUE);
	text = printed(&github_reporter, 3);
	g_assert_cmpstr(
		text, ==,
		"::error title=FAIL pro/none on amd::bad: 50%25 of <a|b>: `x`, *y*%0Asecond\n"
		"::error title=ERROR pro/storm on amd::the amd lab failed: burnt, down\n");
	summary = contents(summary_path);
	g_assert_cmpstr(
		summary, ==,
		"what a step before said\n"
		"\n| verdict | case | host | test | reason |\n|---|---|---|---|---|\n"
		"| FAIL | pro/none | amd | bad | 50% of &#60;a&#124;b&#62;: &#96;x&#96;, &#42;y&#42;<br>second |\n"
		"| ERROR | pro/storm | amd |  | the amd lab failed: burnt, down |\n"
		"\n3 cases: 0 passed, 2 failed, 1 as known; 4 tests: 2 passed, 1 failed, 1 failed as known\n");
	g_unlink(summary_path);
}

static void test_github_interrupted(void)
{
	g_autofree char *text = NULL;

	g_unsetenv("GITHUB_STEP_SUMMARY");
	text = printed(&github_reporter, 0);
	g_assert_cmpstr(text, ==, "::error title=Ferry::3 cases have no verdict: interrupted\n");
}

/* A property of a workflow command would end at a comma or a colon. */
static void test_github_title(void)
{
	g_autofree char *text = NULL;
	char *name = cases[0].name;

	cases[0].name = (char *)"pro/a,b:c";
	text = printed(&github_reporter, 1);
	cases[0].name = name;
	g_assert_true(g_str_has_prefix(text, "::error title=FAIL pro/a%2Cb%3Ac on amd::"));
}

static void test_github_no_summary(void)
{
	g_autoptr(GPtrArray) array = all_cases();
	g_autoptr(GError) error = NULL;

	g_setenv("GITHUB_STEP_SUMMARY", "/nowhere/summary", TRUE);
	g_assert_null(github_reporter.begin(NULL, &environment, array, &error));
	g_assert_cmpstr(error->message, ==,
			"cannot create /nowhere/summary: No such file or directory");
	g_unsetenv("GITHUB_STEP_SUMMARY");
}

/* The results of a sweep differ only in KVM's parameters, so these must be shown. */
static void test_github_parameters(void)
{
	g_autofree char *text = NULL;

	environment.kvm = (char *)"npt=0,vgif=0";
	text = printed(&github_reporter, 1);
	environment.kvm = NULL;
	g_assert_true(g_str_has_prefix(
		text, "::error title=FAIL pro/none on amd with npt=0%2Cvgif=0::bad: "));
}

static void test_lava(void)
{
	g_autofree char *text = printed(&lava_reporter, 3);

	g_assert_cmpstr(text, ==,
			"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=pro.none.good RESULT=pass>\n"
			"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=pro.none.bad RESULT=fail>\n"
			"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=pro.none RESULT=fail>\n"
			"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=pro.precopy_tcp_2.good RESULT=pass>\n"
			"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=pro.precopy_tcp_2.bad RESULT=pass>\n"
			"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=pro.precopy_tcp_2 RESULT=pass>\n"
			"<LAVA_SIGNAL_TESTCASE TEST_CASE_ID=pro.storm RESULT=fail>\n");
}

/* ---- KCIDB ---- */

static JsonArray *array_of(JsonNode *root, const char *name)
{
	return json_object_get_array_member(json_node_get_object(root), name);
}

/* The path and status of each test run: "ferry.pro.none FAIL, ...". The caller frees it. */
static char *test_runs(JsonNode *root)
{
	JsonArray *tests = array_of(root, "tests");
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < json_array_get_length(tests); i++) {
		JsonObject *test = json_array_get_object_element(tests, i);

		g_string_append_printf(text, "%s%s %s", i ? ", " : "",
				       json_object_get_string_member(test, "path"),
				       json_object_get_string_member(test, "status"));
	}
	return g_string_free(text, FALSE);
}

static JsonNode *parsed(const char *path)
{
	g_autofree char *text = contents(path);
	g_autoptr(GError) error = NULL;
	JsonNode *root = json_from_string(text, &error);

	g_assert_no_error(error);
	return root;
}

/* If a run is killed at any moment, the file is valid, and says what is missing. */
static void test_kcidb_at_each_moment(void)
{
	static const char *const after[] = {
		"ferry MISS",
		"ferry.pro.none FAIL, ferry.pro.none.good PASS, ferry.pro.none.bad FAIL, ferry MISS",
		"ferry.pro.none FAIL, ferry.pro.none.good PASS, ferry.pro.none.bad FAIL, ferry.pro.precopy_tcp FAIL, ferry.pro.precopy_tcp.good PASS, ferry.pro.precopy_tcp.bad FAIL, ferry MISS",
		"ferry.pro.none FAIL, ferry.pro.none.good PASS, ferry.pro.none.bad FAIL, ferry.pro.precopy_tcp FAIL, ferry.pro.precopy_tcp.good PASS, ferry.pro.precopy_tcp.bad FAIL, ferry.pro.storm MISS",
	};
	g_autoptr(GPtrArray) array = all_cases();
	g_autoptr(GError) error = NULL;
	g_autofree char *path = new_path();
	void *data;

	g_assert_true(kcidb_set_names("someci", NULL, &error));
	data = kcidb_reporter.begin(path, &environment, array, &error);
	for (guint i = 0; i < G_N_ELEMENTS(after); i++) {
		g_autoptr(JsonNode) root = parsed(path);
		g_autofree char *runs = test_runs(root);
		struct result *result;

		g_assert_cmpstr(runs, ==, after[i]);
		g_assert_cmpuint(json_array_get_length(array_of(root, "builds")), ==, 1);
		if (i == G_N_ELEMENTS(cases))
			break;
		result = result_of(i);
		kcidb_reporter.ended(data, result);
		result_free(result);
	}
	g_assert_true(kcidb_reporter.end(data, 0, NULL, &error));
	g_unlink(path);
}

/* The test and its case failed as one issue explains; nothing else did. */
static void test_kcidb_incidents(void)
{
	g_autoptr(GPtrArray) array = all_cases();
	g_autoptr(GError) error = NULL;
	g_autofree char *path = new_path();
	g_autoptr(JsonNode) root = NULL;
	struct result *result = result_of(1);
	JsonArray *incidents, *issues;
	JsonObject *test;
	void *data;

	g_assert_true(kcidb_set_names("someci", "otherci:7", &error));
	data = kcidb_reporter.begin(path, &environment, array, &error);
	kcidb_reporter.ended(data, result);
	result_free(result);
	g_assert_true(kcidb_reporter.end(data, 0, NULL, &error));
	root = parsed(path);
	issues = array_of(root, "issues");
	g_assert_cmpuint(json_array_get_length(issues), ==, 1);
	g_assert_cmpstr(
		json_object_get_string_member(json_array_get_object_element(issues, 0), "id"), ==,
		"someci:known-issue-cpu-bug");
	incidents = array_of(root, "incidents");
	g_assert_cmpuint(json_array_get_length(incidents), ==, 2);
	g_assert_true(
		g_str_has_suffix(json_object_get_string_member(
					 json_array_get_object_element(incidents, 0), "test_id"),
				 "/pro/precopy+tcp#2/bad"));
	/* The CI system itself reports the build. */
	g_assert_cmpuint(json_array_get_length(array_of(root, "builds")), ==, 0);
	test = json_array_get_object_element(array_of(root, "tests"), 0);
	g_assert_cmpstr(json_object_get_string_member(test, "build_id"), ==, "otherci:7");
	g_assert_cmpstr(json_object_get_string_member(test, "origin"), ==, "someci");
	g_assert_cmpstr(json_object_get_string_member(test, "start_time"), ==,
			"2023-11-14T22:13:20Z");
	g_unlink(path);
}

static void test_kcidb_names(void)
{
	static const char *const bad_origins[] = { "", "My CI", "a:b", "a\n" };
	static const char *const bad_builds[] = { "", "7", ":7", "My:7" };

	for (gsize i = 0; i < G_N_ELEMENTS(bad_origins); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_false(kcidb_set_names(bad_origins[i], NULL, &error));
		g_assert_nonnull(strstr(error->message, "--kcidb-origin"));
	}
	for (gsize i = 0; i < G_N_ELEMENTS(bad_builds); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_false(kcidb_set_names("ci_2", bad_builds[i], &error));
		g_assert_nonnull(strstr(error->message, "--kcidb-build"));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/report-ci/github", test_github);
	g_test_add_func("/report-ci/github-interrupted", test_github_interrupted);
	g_test_add_func("/report-ci/github-title", test_github_title);
	g_test_add_func("/report-ci/github-parameters", test_github_parameters);
	g_test_add_func("/report-ci/github-no-summary", test_github_no_summary);
	g_test_add_func("/report-ci/lava", test_lava);
	g_test_add_func("/report-ci/kcidb-at-each-moment", test_kcidb_at_each_moment);
	g_test_add_func("/report-ci/kcidb-incidents", test_kcidb_incidents);
	g_test_add_func("/report-ci/kcidb-names", test_kcidb_names);
	return g_test_run();
}
