// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Results as a JUnit XML file in the dialect that CI systems read. A case is a testsuite, and each
 * test of it a testcase. The testcase "case" tells how the case went beyond its tests: `error` if
 * QEMU or the runner could not do its part, `skipped` if it could not run. JUnit has no word for a
 * failure that is known: it is output of a testcase that passed. The property `verdict` of a
 * testsuite has Ferry's own verdict.
 *
 * The file is well-formed XML at each moment: it ends with a testsuite that says how many cases
 * have no verdict. A case that ends is written over that end, with a new end behind it.
 */
#include <string.h>
#include <unistd.h>

#include "report/reporter.h"
#include "report/test-verdicts.h"
#include "util/log-file.h"

struct junit {
	struct log_file *file;
	guint cases_left;
};

/* The counts of one testsuite, and the XML of its testcases. */
struct testsuite {
	GString *text;
	guint tests, failures, errors, skipped;
};

/* GLib writes control characters as references, which XML 1.0 does not allow. */
static char *printable(const char *text)
{
	char *copy = g_utf8_make_valid(text ? text : "", -1);

	for (char *byte = copy; *byte; byte++)
		if (((guchar)*byte < ' ' && *byte != '\n' && *byte != '\t') || *byte == 0x7f)
			*byte = '?';
	return copy;
}

static char *end_of_file(guint not_run, const char *why)
{
	if (!not_run)
		return g_strdup("</testsuites>\n");
	return g_markup_printf_escaped(
		"<testsuite name=\"missing\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n  <testcase classname=\"ferry\" name=\"missing\">\n    <error message=\"%u cases have no verdict: %s\" type=\"missing\"/>\n  </testcase>\n</testsuite>\n</testsuites>\n",
		not_run, why);
}

static void write_end(struct junit *junit, const char *before)
{
	g_autofree char *end = end_of_file(junit->cases_left, "the run has not ended");

	log_file_write_with_tail(junit->file, before, end);
}

static void *junit_begin(const char *target, const struct environment *environment,
			 const GPtrArray *cases, GError **error)
{
	struct log_file *file = log_file_create(target, error);
	struct junit *junit;

	if (!file)
		return NULL;
	junit = g_new0(struct junit, 1);
	junit->file = file;
	junit->cases_left = cases->len;
	write_end(junit,
		  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ferry\">\n");
	return junit;
}

static void add_testcase(struct testsuite *suite, const struct result *result, const char *name,
			 gint64 duration_ns)
{
	g_autofree char *class_name = g_strdelimit(g_strdup(result->test_case->name), "/", '.');
	g_autofree char *head =
		g_markup_printf_escaped("  <testcase classname=\"%s\" name=\"%s\" time=\"%.3f\">\n",
					class_name, name, duration_ns / 1e9);

	suite->tests++;
	g_string_append(suite->text, head);
}

static void add_element(struct testsuite *suite, const char *element, const char *reason,
			const char *type, const char *detail)
{
	g_autofree char *message = printable(reason), *body = printable(detail);
	g_autofree char *text =
		g_markup_printf_escaped("    <%s message=\"%s\" type=\"%s\">%s</%s>\n", element,
					message, type, body, element);

	suite->failures += g_str_equal(element, "failure");
	suite->errors += g_str_equal(element, "error");
	suite->skipped += g_str_equal(element, "skipped");
	g_string_append(suite->text, text);
}

static void add_known(struct testsuite *suite, const char *reason)
{
	g_autofree char *words = printable(reason);
	g_autofree char *text =
		g_markup_printf_escaped("    <system-out>XFAIL: %s</system-out>\n", words);

	g_string_append(suite->text, text);
}

static void add_test(struct testsuite *suite, const struct result *result,
		     const struct test_verdict *test)
{
	add_testcase(suite, result, test->name, test->duration_ns);
	if (g_str_equal(test->verdict, "xfail"))
		add_known(suite, test->reason);
	else if (g_str_equal(test->verdict, "skip"))
		add_element(suite, "skipped", test->reason, "skip", NULL);
	else if (!g_str_equal(test->verdict, "pass"))
		add_element(suite, "failure", test->reason, "check", NULL);
	g_string_append(suite->text, "  </testcase>\n");
}

/* This testcase is there even if it has nothing to tell, so that its history has no gaps. */
static void add_case(struct testsuite *suite, const struct result *result)
{
	const char *kind = kind_name(result->kind);
	const char *type = kind ? kind : verdict_name(result->verdict);

	add_testcase(suite, result, "case", 0);
	if (red_beyond_tests(result))
		add_element(suite, result->verdict == VERDICT_ERROR ? "error" : "failure",
			    result->reason, type, result->detail);
	else if (result->verdict == VERDICT_SKIP)
		add_element(suite, "skipped", result->reason, type, NULL);
	else if (result->verdict == VERDICT_XFAIL)
		add_known(suite, result->reason);
	g_string_append(suite->text, "  </testcase>\n");
}

static void junit_ended(void *data, const struct result *result)
{
	struct junit *junit = data;
	struct testsuite suite = { .text = g_string_new(NULL) };
	g_autoptr(GArray) tests = test_verdicts(result);
	const char *kvm = result->environment->kvm;
	g_autofree char *head = NULL, *text = NULL;
	g_autofree char *parameters =
		kvm ? g_markup_printf_escaped("<property name=\"kvm\" value=\"%s\"/>", kvm) : NULL;

	for (guint i = 0; i < tests->len; i++)
		add_test(&suite, result, &g_array_index(tests, struct test_verdict, i));
	add_case(&suite, result);
	head = g_markup_printf_escaped(
		"<testsuite name=\"%s\" tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" time=\"%.3f\" hostname=\"%s\">\n  <properties><property name=\"verdict\" value=\"%s\"/>",
		result->test_case->name, suite.tests, suite.failures, suite.errors, suite.skipped,
		result->duration_ns / 1e9, result->environment->host,
		verdict_name(result->verdict));
	text = g_strconcat(head, parameters ? parameters : "", "</properties>\n", suite.text->str,
			   "</testsuite>\n", NULL);
	g_string_free(suite.text, TRUE);
	if (junit->cases_left)
		junit->cases_left--;
	write_end(junit, text);
}

static gboolean junit_end(void *data, guint not_run, const char *why, GError **error)
{
	struct junit *junit = data;
	g_autofree char *end = end_of_file(not_run, why);
	gboolean written;

	log_file_write_with_tail(junit->file, "", end);
	written = log_file_finish(junit->file, error);
	g_free(junit);
	return written;
}

const struct reporter junit_reporter = {
	.name = "junit",
	.about = "Write results as JUnit XML, with a testcase for each test",
	.takes_file = TRUE,
	.begin = junit_begin,
	.ended = junit_ended,
	.end = junit_end,
};
