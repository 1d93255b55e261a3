// SPDX-License-Identifier: GPL-2.0-or-later
/* host/report/results-file.c and run/durations-table.c: files of --json are read and added up. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "report/results-file.h"
#include "run/durations-table.h"

/* SECONDS must be one digit. */
#define RESULT(name, plan, verdict, seconds)                                                       \
	"{\"case\":\"" name "/" plan "\",\"program\":\"" name "\",\"plan\":\"" plan                \
	"\",\"verdict\":\"" verdict "\",\"reason\":\"why\",\"duration_ns\":" seconds               \
	"000000000,\"host\":\"amd\",\"vmm\":\"qemu\",\"accel\":\"kvm\",\"kernel\":\"6.1\","        \
	"\"timescale\":1.0,\"tests\":[],\"marks\":[],\"moves\":[]}"

static void gather(void *data, const struct result *result)
{
	g_string_append_printf(data, "%s %s on %s: %s\n", verdict_name(result->verdict),
			       result->test_case->name, result->environment->host, result->reason);
}

/* Reads a file with TEXT. Returns its results, then the error. */
static char *read_text(const char *text, void (*each)(void *data, const struct result *result))
{
	g_autofree char *path = NULL;
	g_autoptr(GError) error = NULL;
	GString *told = g_string_new(NULL);
	int fd = g_file_open_tmp("unit-results-XXXXXX", &path, NULL);

	close(fd);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	if (!results_file_read(path, each, told, &error)) {
		g_assert_true(g_str_has_prefix(error->message, path));
		g_string_append(told, error->message + strlen(path));
	}
	g_unlink(path);
	return g_string_free(told, FALSE);
}

static void test_read(void)
{
	g_autofree char *two = read_text(
		RESULT("a", "none", "PASS", "3") "\n" RESULT("b", "storm", "FAIL", "5") "\n",
		gather);
	g_autofree char *torn =
		read_text(RESULT("a", "none", "FLAKY", "3") "\n{\"case\":\"b", gather);
	g_autofree char *empty = read_text("", gather);

	g_assert_cmpstr(two, ==, "PASS a/none on amd: why\nFAIL b/storm on amd: why\n");
	g_assert_cmpstr(torn, ==, "FLAKY a/none on amd: why\n");
	g_assert_cmpstr(empty, ==, "");
}

static void test_no_results(void)
{
	static const char *const lines[] = { "PASS  a/none",
					     "{}",
					     "[]",
					     "5",
					     "",
					     "{\"case\":\"a/none\",\"verdict\":\"PASS\"}",
					     RESULT("a", "none", "MAYBE", "3") };

	for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autofree char *text =
			g_strconcat(RESULT("a", "none", "PASS", "3") "\n", lines[i], "\n", NULL);
		g_autofree char *told = read_text(text, gather);

		g_test_message("%s", lines[i]);
		g_assert_cmpstr(told, ==,
				"PASS a/none on amd: why\n:2: this is no result; give files that "
				"'ferry run --json FILE' wrote");
	}
}

static void summarize(void *data, const struct result *result)
{
	const struct test_result *test = result->tests->pdata[0];
	g_autofree char *summary = result_summary(result);

	g_string_append_printf(data, "CPU %u, round %u, %u checks; %s", test->cpu, test->round,
			       test->checks, summary);
}

/* Files of an older ferry, or of another program, may lack any number. */
static void test_no_numbers(void)
{
	g_autofree char *told = read_text(
		"{\"case\":\"a/none\",\"program\":\"a\",\"plan\":\"none\",\"verdict\":\"PASS\",\"host\":\"local\",\"accel\":\"kvm\",\"tests\":[{\"test\":\"t\",\"verdict\":\"pass\"}],\"moves\":[{}]}\n",
		summarize);

	g_assert_cmpstr(
		told, ==,
		"CPU 0, round 0, 0 checks; 1 tests, 0 checks; 1 action, stopped for 0 us to 0 us; 0 us");
}

static void add(void *data, const struct result *result)
{
	durations_table_add(data, result);
}

static void test_table(void)
{
	struct durations_table *table = durations_table_new(
		"# first\n\n[plans]\nnone=1\nstorm=9\nreset=7\n\n[amd]\nboot=12\n"
		"a/none=50\nz/none=8\n");
	g_autofree char *path = NULL, *text = NULL;
	int fd = g_file_open_tmp("unit-results-XXXXXX", &path, NULL);

	close(fd);
	g_assert_true(g_file_set_contents(
		path,
		RESULT("a", "none", "PASS", "1") "\n" RESULT("a", "none", "PASS", "2") "\n" RESULT(
			"a", "none", "XFAIL",
			"9") "\n" RESULT("a", "none", "FAIL",
					 "9") "\n" RESULT("a", "none", "ERROR",
							  "9") "\n" RESULT("a", "storm", "PASS",
									   "6") "\n" RESULT("a",
											    "storm+tcp",
											    "PASS",
											    "9") "\n",
		-1, NULL));
	g_assert_true(results_file_read(path, add, table, NULL));
	g_unlink(path);
	text = durations_table_end(table);
	/* Medians of cases that passed; the rest does not change; the factor is 6 / 2. */
	g_assert_cmpstr(text, ==,
			"# first\n\n[plans]\nnone=1\nstorm=3.0\nreset=7\n\n[amd]\na/none=2.0\n"
			"a/storm=6.0\nboot=12\nz/none=8\n");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/results-file/read", test_read);
	g_test_add_func("/results-file/no-results", test_no_results);
	g_test_add_func("/results-file/no-numbers", test_no_numbers);
	g_test_add_func("/results-file/table", test_table);
	return g_test_run();
}
