// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Results in the kernel's form of the Test Anything Protocol (Documentation/dev-tools/ktap.rst): a
 * case is a test, and its tests are its subtests. KTAP's plan comes first and each case when it
 * ends, so a parser sees by the plan what is missing after a run that was killed.
 */
#include <string.h>

#include "report/reporter.h"
#include "report/test-verdicts.h"
#include "util/log-file.h"

struct ktap {
	struct log_file *file;
	guint number;
};

static void *ktap_begin(const char *target, const struct environment *environment,
			const GPtrArray *cases, GError **error)
{
	g_autofree char *head = g_strdup_printf("KTAP version 1\n1..%u\n", cases->len);
	struct log_file *file = g_str_equal(target, "-") ? log_file_standard_output()
							 : log_file_create(target, error);
	struct ktap *ktap;

	if (!file)
		return NULL;
	ktap = g_new0(struct ktap, 1);
	ktap->file = file;
	log_file_write(file, head, strlen(head));
	return ktap;
}

/* A name ends at a "#", so "kvmclock/none#2" is written "kvmclock/none:2". */
static void add_line(GString *text, const char *indent, gboolean ok, guint number, const char *name,
		     const char *directive, const char *reason)
{
	g_autofree char *plain = g_strdelimit(g_strdup(name), "#\n", ':');
	g_autofree char *why = g_strdelimit(g_strdup(reason ? reason : ""), "\n", ' ');

	g_string_append_printf(text, "%s%sok %u %s", indent, ok ? "" : "not ", number, plain);
	if (directive)
		g_string_append_printf(text, " # %s%s%s", directive, *why ? " " : "", why);
	g_string_append_c(text, '\n');
}

static void add_test(GString *text, guint number, const struct test_verdict *test)
{
	gboolean known = g_str_equal(test->verdict, "xfail");
	gboolean skipped = g_str_equal(test->verdict, "skip");
	gboolean ok = known || skipped || g_str_equal(test->verdict, "pass");

	if (!ok && test->reason) {
		g_autofree char *why = g_strdelimit(g_strdup(test->reason), "\n", ' ');

		g_string_append_printf(text, "  # %s\n", why);
	}
	add_line(text, "  ", ok, number, test->name,
		 known	   ? "XFAIL"
		 : skipped ? "SKIP"
			   : NULL,
		 test->reason);
}

/* Parsers take an empty list for a mistake, so a case without tests has no list. */
static void add_tests(GString *text, const struct result *result)
{
	g_autoptr(GArray) tests = test_verdicts(result);

	if (!tests->len)
		return;
	g_string_append_printf(text, "  KTAP version 1\n  1..%u\n", tests->len);
	for (guint i = 0; i < tests->len; i++)
		add_test(text, i + 1, &g_array_index(tests, struct test_verdict, i));
}

static const char *directive_of(const struct result *result)
{
	static const char *const directives[VERDICT_COUNT] = {
		[VERDICT_SKIP] = "SKIP",
		[VERDICT_XFAIL] = "XFAIL",
		[VERDICT_ERROR] = "ERROR",
	};

	if (result->verdict == VERDICT_FAIL && result->kind == KIND_TIMEOUT)
		return "TIMEOUT";
	return directives[result->verdict];
}

static void ktap_ended(void *data, const struct result *result)
{
	struct ktap *ktap = data;
	gboolean red = verdict_is_red(result->verdict);
	g_autoptr(GString) text = g_string_new(NULL);

	add_tests(text, result);
	if (red) {
		g_autofree char *why =
			g_strdelimit(g_strdup(result->reason ? result->reason : ""), "\n", ' ');

		g_string_append_printf(text, "# %s: %s\n", verdict_name(result->verdict), why);
		if (result->logdir)
			g_string_append_printf(text, "# logs in %s\n", result->logdir);
	}
	add_line(text, "", !red, ++ktap->number, result->test_case->name, directive_of(result),
		 result->reason);
	log_file_write(ktap->file, text->str, text->len);
}

static gboolean ktap_end(void *data, guint not_run, const char *why, GError **error)
{
	struct ktap *ktap = data;
	gboolean written;

	if (not_run) {
		g_autofree char *line =
			g_strdup_printf("# %u cases have no verdict: %s\n", not_run, why);

		log_file_write(ktap->file, line, strlen(line));
	}
	written = log_file_finish(ktap->file, error);
	g_free(ktap);
	return written;
}

const struct reporter ktap_reporter = {
	.name = "ktap",
	.about = "Write results in the kernel's KTAP, with a subtest for each test",
	.takes_file = TRUE,
	.begin = ktap_begin,
	.ended = ktap_ended,
	.end = ktap_end,
};
