// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Results as a JUnit XML file in the dialect that CI systems read: one testsuite, one testcase for
 * each case, `failure` for FAIL and FLAKY, `error` for ERROR, and `skipped` for SKIP. JUnit has no
 * word for a failure that is known. It is no failure and no skip, so it is told as output of a
 * testcase that passed. A property of each testcase has Ferry's own verdict.
 */
#include <string.h>

#include "util/log-file.h"
#include "report/reporter.h"

struct junit {
	struct log_file *file;
	GString *cases; /* XML of the cases that have ended */
	guint tests, failures, errors, skipped;
	double seconds;
};

static void *junit_begin(const char *target, const struct environment *environment,
			 const GPtrArray *cases, GError **error)
{
	struct log_file *file = log_file_create(target, error);
	struct junit *junit;

	if (!file)
		return NULL;
	junit = g_new0(struct junit, 1);
	junit->file = file;
	junit->cases = g_string_new(NULL);
	return junit;
}

/* What the testcase's verdict is about, and why. A pass needs no words. */
static void add_element(GString *text, const struct result *result)
{
	static const char *const elements[VERDICT_COUNT] = {
		[VERDICT_FAIL] = "failure",
		[VERDICT_FLAKY] = "failure",
		[VERDICT_ERROR] = "error",
		[VERDICT_SKIP] = "skipped",
	};
	const char *element = elements[result->verdict], *kind = kind_name(result->kind);
	g_autofree char *body = NULL;

	if (result->verdict == VERDICT_XFAIL)
		body = g_markup_printf_escaped("    <system-out>XFAIL: %s</system-out>\n",
					       result->reason);
	else if (element)
		body = g_markup_printf_escaped("    <%s message=\"%s\" type=\"%s\">%s</%s>\n",
					       element, result->reason,
					       kind ? kind : verdict_name(result->verdict),
					       result->detail ? result->detail : "", element);
	if (body)
		g_string_append(text, body);
}

static void junit_ended(void *data, const struct result *result)
{
	struct junit *junit = data;
	double seconds = result->duration_ns / 1e9;
	g_autofree char *head = g_markup_printf_escaped(
		"  <testcase classname=\"%s\" name=\"%s\" time=\"%.3f\">\n",
		result->test_case->program->name, result->test_case->name, seconds);

	junit->tests++;
	junit->seconds += seconds;
	junit->failures += result->verdict == VERDICT_FAIL || result->verdict == VERDICT_FLAKY;
	junit->errors += result->verdict == VERDICT_ERROR;
	junit->skipped += result->verdict == VERDICT_SKIP;
	g_string_append(junit->cases, head);
	g_string_append_printf(
		junit->cases,
		"    <properties><property name=\"verdict\" value=\"%s\"/></properties>\n",
		verdict_name(result->verdict));
	add_element(junit->cases, result);
	g_string_append(junit->cases, "  </testcase>\n");
}

static gboolean junit_end(void *data, guint not_run, const char *why, GError **error)
{
	struct junit *junit = data;
	g_autofree char *head = g_strdup_printf(
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"ferry\" tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" time=\"%.3f\">\n",
		junit->tests, junit->failures, junit->errors, junit->skipped, junit->seconds);
	gboolean written;

	log_file_write(junit->file, head, strlen(head));
	log_file_write(junit->file, junit->cases->str, junit->cases->len);
	log_file_write(junit->file, "</testsuite>\n", strlen("</testsuite>\n"));
	written = log_file_finish(junit->file, error);
	g_string_free(junit->cases, TRUE);
	g_free(junit);
	return written;
}

const struct reporter junit_reporter = {
	.name = "junit",
	.about = "Write results as JUnit XML",
	.takes_file = TRUE,
	.begin = junit_begin,
	.ended = junit_ended,
	.end = junit_end,
};
