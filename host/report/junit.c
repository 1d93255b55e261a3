// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Results as a JUnit XML file in the dialect that CI systems read: one testsuite, one testcase for
 * each case, `failure` for FAIL and `error` for ERROR.
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

static void junit_ended(void *data, const struct result *result)
{
	static const char *const elements[] = {
		[VERDICT_FAIL] = "failure",
		[VERDICT_XFAIL] = "skipped",
		[VERDICT_SKIP] = "skipped",
		[VERDICT_ERROR] = "error",
	};
	struct junit *junit = data;
	double seconds = result->duration_ns / 1e9;
	g_autofree char *head = g_markup_printf_escaped(
		"  <testcase classname=\"%s\" name=\"%s\" time=\"%.3f\"",
		result->test_case->program->name, result->test_case->name, seconds);
	g_autofree char *body = NULL;

	junit->tests++;
	junit->seconds += seconds;
	junit->failures += result->verdict == VERDICT_FAIL;
	junit->errors += result->verdict == VERDICT_ERROR;
	junit->skipped += result->verdict == VERDICT_SKIP || result->verdict == VERDICT_XFAIL;
	g_string_append(junit->cases, head);
	if (result->verdict == VERDICT_PASS) {
		g_string_append(junit->cases, "/>\n");
		return;
	}
	body = g_markup_printf_escaped(
		">\n    <%s message=\"%s\">%s</%s>\n  </testcase>\n", elements[result->verdict],
		result->reason, result->detail ? result->detail : "", elements[result->verdict]);
	g_string_append(junit->cases, body);
}

static gboolean junit_end(void *data, guint not_run, GError **error)
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
