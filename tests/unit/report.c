// SPDX-License-Identifier: GPL-2.0-or-later
/* host/report/: programs can read each format, whatever the results contain. */
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <unistd.h>

#include "util/log-file.h"
#include "report/first-line.h"
#include "report/reporter.h"
#include "report/result-json.h"

/* This must not end a line, a string or an element in any format. */
#define NASTY "<a href=\"x\"> & 'b' \\ ]]> # not ok \\x01 gr\xc3\xbc\xc3\x9f"

/* More cases than any test of this file has. */
#define MOST_CASES 10

static struct environment environment = {
	.host = "local",
	.vmm = "qemu",
	.binary = "/usr/bin/qemu \"odd\"",
	.accel = "tcg",
	.kernel = (char *)"6.1 & more",
	.cpu = (char *)"A <CPU> \"name\"",
	.seed = 5,
	.timescale = 1,
};

static struct program program = { .name = (char *)"pro" };

/* One result for each verdict. */
#define VERDICTS VERDICT_COUNT
/* The last line of reports for people about these results. */
#define COUNTS                                                                                     \
	"6 cases: 1 passed, 2 failed, 1 flaky, 1 as known, 1 skipped; 6 tests: 3 passed, 2 failed, 1 failed as known"

struct run {
	struct test_case cases[VERDICTS];
	struct result *results[VERDICTS];
};

static void add_test(struct result *result, const char *verdict)
{
	struct test_result *test = g_new0(struct test_result, 1);

	test->name = g_strdup("one");
	test->verdict = g_strdup(verdict);
	test->reason = g_strdup(NASTY);
	test->cpu = 1;
	test->round = 2;
	g_ptr_array_add(result->tests, test);
}

static void add_attempt(struct result *result)
{
	struct attempt *attempt = g_new0(struct attempt, 1);

	attempt->verdict = VERDICT_ERROR;
	attempt->kind = KIND_VMM;
	attempt->reason = g_strdup(NASTY);
	attempt->logdir = g_strdup("logs/first");
	result_add_text(&attempt->failed_tests, "one");
	g_ptr_array_add(result->attempts, attempt);
}

static void add_mark(struct result *result)
{
	struct mark *mark = g_new0(struct mark, 1);

	mark->name = g_strdup("speed");
	mark->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_hash_table_insert(mark->values, g_strdup("name"), g_strdup("speed"));
	g_hash_table_insert(mark->values, g_strdup("loops"), g_strdup(NASTY));
	g_ptr_array_add(result->marks, mark);
}

/* One case for each verdict. */
static void make_run(struct run *run)
{
	static const char *const names[] = { "pro/pass", "pro/fail",  "pro/xfail",
					     "pro/skip", "pro/error", "pro/flaky" };
	static const char *const tests[] = { "pass", "fail", "xfail", NULL, "fail", "pass" };
	struct action_stats action = { .total_ns = 3000000, .pause_min_ns = 1000, .pages_sent = 5 };

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		struct result *result = result_new(&run->cases[i], &environment);

		run->cases[i] = (struct test_case){ .program = &program,
						    .plan_name = "precopy",
						    .action = "migration",
						    .name = (char *)names[i] };
		result->verdict = i;
		result->started = i == VERDICT_SKIP ? 0 : 1700000000000000000;
		result->kind = i == VERDICT_PASS || i == VERDICT_SKIP ? KIND_NONE : KIND_LAB_BOOT;
		result->reason = i == VERDICT_PASS ? NULL : g_strdup(NASTY);
		result->detail = i == VERDICT_FAIL ? g_strdup("#0 f at a<b>.c:1\n#1 g") : NULL;
		result->logdir = i == VERDICT_SKIP ? NULL : g_strdup("logs/" NASTY);
		if (i != VERDICT_SKIP) {
			g_array_append_val(result->actions, action);
			add_test(result, tests[i]);
			add_mark(result);
		}
		if (i == VERDICT_XFAIL)
			add_test(result, "pass");
		if (i == VERDICT_FLAKY)
			add_attempt(result);
		run->results[i] = result;
	}
}

/* N cases for a reporter's `begin`. The caller unrefs the array. */
static GPtrArray *some_cases(guint n)
{
	static struct test_case some[MOST_CASES];
	GPtrArray *cases = g_ptr_array_new();

	g_assert_cmpuint(n, <=, MOST_CASES);
	for (guint i = 0; i < n; i++) {
		some[i] = (struct test_case){ .host = "local" };
		g_ptr_array_add(cases, &some[i]);
	}
	return cases;
}

/* Gives REPORTER a run in which NOT_RUN cases were interrupted. Returns what it wrote. */
static char *report(const struct reporter *reporter, const char *target, guint not_run)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	g_autoptr(GPtrArray) cases = some_cases(VERDICTS + not_run);
	struct run run;
	void *data = reporter->begin(target, &environment, cases, &error);

	g_assert_no_error(error);
	make_run(&run);
	for (gsize i = 0; i < G_N_ELEMENTS(run.results); i++) {
		if (reporter->started)
			reporter->started(data, &run.cases[i]);
		if (reporter->progress)
			reporter->progress(data, &run.cases[i], "one on CPU 1");
		reporter->ended(data, run.results[i]);
		result_free(run.results[i]);
	}
	g_assert_true(reporter->end(data, not_run, "interrupted", &error));
	g_assert_no_error(error);
	g_assert_true(g_file_get_contents(target, &text, NULL, NULL));
	g_assert_true(g_utf8_validate(text, -1, NULL));
	return g_steal_pointer(&text);
}

static char *report_to_file(const struct reporter *reporter)
{
	g_autofree char *path = NULL;
	int fd = g_file_open_tmp("unit-report-XXXXXX", &path, NULL);
	char *text;

	close(fd);
	text = report(reporter, path, 0);
	g_unlink(path);
	return text;
}

/* For a reporter that writes to standard output. */
static char *report_to_stdout(const struct reporter *reporter, guint not_run)
{
	g_autofree char *path = NULL;
	int fd = g_file_open_tmp("unit-report-XXXXXX", &path, NULL);
	int saved = dup(STDOUT_FILENO);
	char *text;

	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	close(fd);
	text = report(reporter, path, not_run);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	g_unlink(path);
	return text;
}

static void test_json(void)
{
	static const char *const verdicts[] = { "PASS", "FAIL", "XFAIL", "SKIP", "ERROR", "FLAKY" };
	g_autofree char *text = report_to_file(&json_reporter);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	g_assert_cmpuint(g_strv_length(lines), ==, VERDICTS + 1);
	g_assert_cmpstr(lines[VERDICTS], ==, "");
	for (gsize i = 0; i < G_N_ELEMENTS(verdicts); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(JsonNode) node = json_from_string(lines[i], &error);
		JsonObject *object;

		g_assert_no_error(error);
		object = json_node_get_object(node);
		g_assert_cmpstr(json_object_get_string_member(object, "verdict"), ==, verdicts[i]);
		g_assert_cmpstr(json_object_get_string_member(object, "program"), ==, "pro");
		g_assert_cmpstr(json_object_get_string_member(object, "plan"), ==, "precopy");
		g_assert_cmpstr(json_object_get_string_member_with_default(object, "reason", NULL),
				==, i == VERDICT_PASS ? NULL : NASTY);
		g_assert_cmpstr(json_object_get_string_member(object, "cpu"), ==, environment.cpu);
		g_assert_cmpuint(
			json_array_get_length(json_object_get_array_member(object, "moves")), ==,
			i == VERDICT_SKIP ? 0 : 1);
		g_assert_cmpuint(
			json_array_get_length(json_object_get_array_member(object, "tests")), ==,
			(i != VERDICT_SKIP) + (i == VERDICT_XFAIL));
		g_assert_cmpstr(json_object_get_string_member_with_default(object, "kind", NULL),
				==, i == VERDICT_PASS || i == VERDICT_SKIP ? NULL : "lab-boot");
		g_assert_cmpint(json_object_has_member(object, "attempts"), ==, i == VERDICT_FLAKY);
	}
}

static char *to_json(const struct result *result)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonNode) node = NULL;

	json_builder_begin_object(builder);
	result_add_json(builder, result);
	json_builder_end_object(builder);
	node = json_builder_get_root(builder);
	return json_to_string(node, FALSE);
}

static char *environment_to_json(const struct environment *from)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonNode) node = NULL;

	json_builder_begin_object(builder);
	environment_add_json(builder, from);
	run_add_json(builder, from);
	json_builder_end_object(builder);
	node = json_builder_get_root(builder);
	return json_to_string(node, FALSE);
}

/* If a result is read from JSON, as from a lab, it is written as the same JSON again. */
static void test_json_there_and_back(void)
{
	struct run run;

	make_run(&run);
	for (gsize i = 0; i < G_N_ELEMENTS(run.results); i++) {
		g_autofree char *there = to_json(run.results[i]), *back = NULL;
		g_autoptr(JsonNode) node = json_from_string(there, NULL);
		struct result *copy =
			result_from_json(json_node_get_object(node), &run.cases[i], &environment);

		g_assert_nonnull(copy);
		back = to_json(copy);
		g_assert_cmpstr(back, ==, there);
		result_free(copy);
		result_free(run.results[i]);
	}
}

/* The environment of a run does not change when it is written and read, as a lab does it. */
static void test_environment_there_and_back(void)
{
	g_autoptr(GHashTable) parameters =
		g_hash_table_new_full(g_str_hash, g_str_equal, NULL, NULL);
	struct environment here = environment;
	g_autofree char *there = NULL, *back = NULL;
	struct environment *copy;
	g_autoptr(JsonNode) node = NULL;

	g_hash_table_insert(parameters, (gpointer) "kvm_amd.npt", (gpointer) "Y");
	g_hash_table_insert(parameters, (gpointer) "kvm.halt_poll_ns", (gpointer) "200000");
	here.microcode = (char *)"0x1000065";
	here.emulator = (char *)"bochs";
	here.cpu_emulated = TRUE;
	here.kvm_parameters = parameters;
	here.ferry = (char *)"0123abc";
	here.kvm = (char *)"npt=0";
	here.shard = (char *)"2/4";
	here.run_cases = 7;
	here.run_started = 1700000000000000001;
	there = environment_to_json(&here);
	g_assert_nonnull(strstr(
		there,
		"\"kvm_parameters\":{\"kvm.halt_poll_ns\":\"200000\",\"kvm_amd.npt\":\"Y\"}"));
	g_assert_nonnull(strstr(there, "\"schema\":1"));
	g_assert_nonnull(strstr(there, "\"run_started_ns\":1700000000000000001"));
	node = json_from_string(there, NULL);
	copy = environment_from_json(json_node_get_object(node));
	back = environment_to_json(copy);
	g_assert_cmpstr(back, ==, there);
	environment_free(copy);
}

/* Damaged JSON, as from a lab that dies, gives no result and no crash. */
static void test_no_result(void)
{
	static const char *const objects[] = {
		"{}",
		"{\"verdict\": 5}",
		"{\"verdict\": \"MAYBE\"}",
		"{\"verdict\": \"FAIL\", \"tests\": 5, \"moves\": {}, \"marks\": [1, null]}",
		"{\"verdict\": \"PASS\", \"tests\": [{}], \"moves\": [{}], \"marks\": [{}]}",
		"{\"verdict\": \"FLAKY\", \"kind\": 5, \"attempts\": [{}, 5, {\"verdict\": \"FAIL\"}]}",
		"{\"verdict\": \"FAIL\", \"kind\": \"odd\", \"attempts\": {}}",
		"{\"verdict\": \"PASS\", \"tests\": [{\"test\": {}, \"cpu\": \"x\"}], \"reason\": []}",
	};
	struct test_case test_case = { .program = &program,
				       .plan_name = "precopy",
				       .name = (char *)"pro/x" };

	for (gsize i = 0; i < G_N_ELEMENTS(objects); i++) {
		g_autoptr(JsonNode) node = json_from_string(objects[i], NULL);
		struct result *result =
			result_from_json(json_node_get_object(node), &test_case, &environment);

		g_test_message("%s", objects[i]);
		g_assert_true(i >= 3 || !result);
		if (result) {
			g_free(to_json(result));
			result_free(result);
		}
	}
}

/* Counts the elements of TEXT, and fails if TEXT is no XML. */
struct elements {
	unsigned cases, failures, errors, skipped;
};

static void on_element(GMarkupParseContext *context, const char *element, const char **names,
		       const char **values, gpointer data, GError **error)
{
	struct elements *elements = data;

	elements->cases += g_str_equal(element, "testcase");
	elements->failures += g_str_equal(element, "failure");
	elements->errors += g_str_equal(element, "error");
	elements->skipped += g_str_equal(element, "skipped");
	for (gsize i = 0; names[i]; i++)
		if (g_str_equal(names[i], "message"))
			g_assert_cmpstr(values[i], ==, NASTY);
}

static void test_junit(void)
{
	static const GMarkupParser parser = { .start_element = on_element };
	g_autofree char *text = report_to_file(&junit_reporter);
	g_autoptr(GError) error = NULL;
	struct elements elements = { 0 };
	g_autoptr(GMarkupParseContext) context =
		g_markup_parse_context_new(&parser, 0, &elements, NULL);

	g_markup_parse_context_parse(context, text, -1, &error);
	g_assert_no_error(error);
	g_markup_parse_context_end_parse(context, &error);
	g_assert_no_error(error);
	/* Each case that was not skipped has a test called "one", and all have one called "case".
	 */
	g_assert_cmpuint(elements.cases, ==, 2 * VERDICTS - 1);
	/* The failed tests of FAIL and ERROR, the other failure of a case, and the flaky case. */
	g_assert_cmpuint(elements.failures, ==, 3);
	g_assert_cmpuint(elements.errors, ==, 1);
	g_assert_cmpuint(elements.skipped, ==, 1);
	g_assert_nonnull(strstr(text, "tests=\"2\" failures=\"1\" errors=\"1\" skipped=\"0\""));
	g_assert_null(strstr(text, "missing"));
	g_assert_nonnull(strstr(text, "<system-out>XFAIL: &lt;a href"));
	g_assert_nonnull(strstr(text, " type=\"lab-boot\">"));
	g_assert_nonnull(strstr(text, "name=\"verdict\" value=\"FLAKY\""));
}

/* If a run is killed at any moment, the file is valid, and says what is missing. */
static void test_junit_at_each_moment(void)
{
	g_autoptr(GPtrArray) cases = some_cases(VERDICTS);
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL;
	struct run run;
	void *data;

	close(g_file_open_tmp("unit-report-XXXXXX", &path, NULL));
	data = junit_reporter.begin(path, &environment, cases, &error);
	make_run(&run);
	for (gsize i = 0; i <= G_N_ELEMENTS(run.results); i++) {
		static const GMarkupParser parser;
		g_autoptr(GMarkupParseContext) context =
			g_markup_parse_context_new(&parser, 0, NULL, NULL);
		g_autofree char *text = NULL;
		g_autofree char *left = g_strdup_printf("\"%zu cases have no verdict",
							G_N_ELEMENTS(run.results) - i);

		g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
		g_markup_parse_context_parse(context, text, -1, &error);
		g_assert_no_error(error);
		g_assert_true(g_markup_parse_context_end_parse(context, &error));
		g_assert_cmpint(!!strstr(text, left), ==, i < G_N_ELEMENTS(run.results));
		if (i == G_N_ELEMENTS(run.results))
			break;
		junit_reporter.ended(data, run.results[i]);
		result_free(run.results[i]);
	}
	g_assert_true(junit_reporter.end(data, 0, NULL, &error));
	g_unlink(path);
}

/* How many lines of TEXT begin with PREFIX. */
static unsigned count_lines(const char *text, const char *prefix)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	unsigned count = 0;

	for (char **line = lines; *line; line++)
		count += g_str_has_prefix(*line, prefix);
	return count;
}

static void test_ktap(void)
{
	g_autofree char *text = report_to_file(&ktap_reporter);

	g_assert_true(g_str_has_prefix(text, "KTAP version 1\n1..6\n  KTAP version 1\n  1..1\n"));
	g_assert_cmpuint(count_lines(text, "ok "), ==, 3);
	g_assert_cmpuint(count_lines(text, "not ok "), ==, 3);
	g_assert_cmpuint(count_lines(text, "ok 1 pro/pass"), ==, 1);
	g_assert_cmpuint(count_lines(text, "ok 3 pro/xfail # XFAIL <a href"), ==, 1);
	g_assert_cmpuint(count_lines(text, "ok 4 pro/skip # SKIP <a href"), ==, 1);
	g_assert_cmpuint(count_lines(text, "not ok 5 pro/error # ERROR <a href"), ==, 1);
	g_assert_cmpuint(count_lines(text, "  not ok 1 one"), ==, 2);
}

static void test_tap(void)
{
	g_autofree char *text = report_to_stdout(&tap_reporter, 0);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	g_assert_cmpstr(lines[0], ==, "TAP version 13");
	g_assert_cmpstr(lines[1], ==, "1..6");
	g_assert_cmpuint(count_lines(text, "ok "), ==, 2);
	g_assert_cmpuint(count_lines(text, "not ok "), ==, 4);
	g_assert_cmpuint(count_lines(text, "ok 1 - pro/pass"), ==, 1);
	g_assert_cmpuint(count_lines(text, "not ok 2 - pro/fail"), ==, 1);
	g_assert_cmpuint(count_lines(text, "ok 4 - pro/skip # SKIP " NASTY), ==, 1);
	g_assert_cmpuint(count_lines(text, "not ok 3 - pro/xfail # TODO " NASTY), ==, 1);
	g_assert_cmpuint(count_lines(text, "# FAIL: " NASTY), ==, 1);
	g_assert_cmpuint(count_lines(text, "not ok 6 - pro/flaky"), ==, 1);
	g_assert_cmpuint(count_lines(text, "# FLAKY: " NASTY), ==, 1);
	g_assert_cmpuint(count_lines(text, "# attempt 1 ERROR: " NASTY), ==, 1);
	g_assert_cmpuint(count_lines(text, "# attempt 1 logs in logs/first"), ==, 1);
	for (char **line = lines + 2; *line && **line; line++)
		g_assert_true(g_str_has_prefix(*line, "ok ") ||
			      g_str_has_prefix(*line, "not ok ") || g_str_has_prefix(*line, "# "));
}

static void test_tap_interrupted(void)
{
	g_autofree char *text = report_to_stdout(&tap_reporter, 3);

	g_assert_cmpuint(count_lines(text, "1..9"), ==, 1);
	g_assert_cmpuint(count_lines(text, "Bail out! "), ==, 1);
}

/* The first line says where cases run. A lab has another kernel and CPU than this machine. */
static void test_first_line(void)
{
#define HERE ", Linux 6.1 & more, A <CPU> \"name\", clock tsc"
	static const struct {
		const char *hosts; /* a letter for each case: Local, Amd, Intel, Skipped */
		const char *line;
	} rows[] = {
		{ "l", "1 case on local: qemu, tcg" HERE "; seed 5" },
		{ "ll", "2 cases on local: qemu, tcg" HERE "; seed 5" },
		{ "aa", "2 cases in the amd lab: qemu, tcg; seed 5" },
		{ "alaia",
		  "5 cases, 3 in the amd lab, 1 on local, 1 in the intel lab: qemu, tcg" HERE
		  "; seed 5" },
		{ "sas", "3 cases, 2 skipped, 1 in the amd lab: qemu, tcg; seed 5" },
		{ "ss", "2 cases skipped: qemu, tcg; seed 5" },
	};

	environment.clock = (char *)"tsc";
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		guint n = strlen(rows[i].hosts);
		g_autoptr(GPtrArray) cases = some_cases(n);
		g_autofree char *line = NULL;

		for (guint j = 0; j < n; j++) {
			struct test_case *test_case = cases->pdata[j];
			char letter = rows[i].hosts[j];

			test_case->host = letter == 'a' ? "amd" : letter == 'i' ? "intel" : "local";
			test_case->skip_reason = letter == 's' ? (char *)"no" : NULL;
		}
		line = first_line(&environment, cases);
		g_assert_cmpstr(line, ==, rows[i].line);
	}
	environment.clock = NULL;
}

static void test_lines(void)
{
	g_autofree char *text = report_to_stdout(&plain_reporter, 0);

	g_assert_cmpuint(count_lines(text, "6 cases on local: qemu, tcg, Linux 6.1 & more"), ==, 1);
	g_assert_cmpuint(count_lines(text, "PASS  pro/pass ("), ==, 1);
	g_assert_cmpuint(count_lines(text, "FAIL  pro/fail: " NASTY), ==, 1);
	g_assert_cmpuint(count_lines(text, "      #0 f at a<b>.c:1"), ==, 1);
	g_assert_cmpuint(count_lines(text, "XFAIL pro/xfail: " NASTY " (1 other test passed)"), ==,
			 1);
	g_assert_cmpuint(count_lines(text, "SKIP  pro/skip: " NASTY), ==, 1);
	g_assert_cmpuint(count_lines(text, "ERROR pro/error: " NASTY), ==, 1);
	g_assert_cmpuint(count_lines(text, "FLAKY pro/flaky: " NASTY), ==, 1);
	g_assert_cmpuint(count_lines(text, "      attempt 1 ERROR: " NASTY), ==, 1);
	g_assert_cmpuint(count_lines(text, "      attempt 1 logs in logs/first"), ==, 1);
	g_assert_cmpuint(count_lines(text, COUNTS), ==, 1);
}

static void test_lines_interrupted(void)
{
	g_autofree char *text = report_to_stdout(&plain_reporter, 3);

	g_assert_cmpuint(count_lines(text, "interrupted: 3 of 9 cases have no verdict"), ==, 1);
}

/* When the live line is erased, the plain report remains on the terminal. */
static void test_live(void)
{
	g_autofree char *text = report_to_stdout(&live_reporter, 0);

	g_assert_nonnull(strstr(text, "[0/6] pro/pass 0 s: one on CPU 1\r\033[K"));
	g_assert_nonnull(strstr(text, COUNTS "\n"));
	g_assert_true(g_str_has_suffix(text, "\n"));
}

static void test_unwritable_target(void)
{
	static const struct reporter *const reporters[] = { &json_reporter, &junit_reporter,
							    &ktap_reporter };

	g_autoptr(GPtrArray) cases = some_cases(1);

	for (gsize i = 0; i < G_N_ELEMENTS(reporters); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(reporters[i]->begin("/nowhere/report", &environment, cases, &error));
		g_assert_cmpstr(error->message, ==,
				"cannot create /nowhere/report: No such file or directory");
	}
}

static void test_full_disk(void)
{
	static const struct reporter *const reporters[] = { &json_reporter, &junit_reporter,
							    &ktap_reporter };

	g_autoptr(GPtrArray) cases = some_cases(1);

	for (gsize i = 0; i < G_N_ELEMENTS(reporters); i++) {
		g_autoptr(GError) error = NULL;
		struct run run;
		void *data = reporters[i]->begin("/dev/full", &environment, cases, &error);

		g_assert_no_error(error);
		make_run(&run);
		for (gsize j = 0; j < G_N_ELEMENTS(run.results); j++) {
			reporters[i]->ended(data, run.results[j]);
			result_free(run.results[j]);
		}
		g_assert_false(reporters[i]->end(data, 0, NULL, &error));
		g_assert_cmpstr(error->message, ==,
				"cannot write /dev/full: No space left on device");
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/report/json", test_json);
	g_test_add_func("/report/json-there-and-back", test_json_there_and_back);
	g_test_add_func("/report/environment-there-and-back", test_environment_there_and_back);
	g_test_add_func("/report/no-result", test_no_result);
	g_test_add_func("/report/junit", test_junit);
	g_test_add_func("/report/junit-at-each-moment", test_junit_at_each_moment);
	g_test_add_func("/report/ktap", test_ktap);
	g_test_add_func("/report/tap", test_tap);
	g_test_add_func("/report/tap-interrupted", test_tap_interrupted);
	g_test_add_func("/report/first-line", test_first_line);
	g_test_add_func("/report/lines", test_lines);
	g_test_add_func("/report/lines-interrupted", test_lines_interrupted);
	g_test_add_func("/report/live", test_live);
	g_test_add_func("/report/unwritable-target", test_unwritable_target);
	g_test_add_func("/report/full-disk", test_full_disk);
	return g_test_run();
}
