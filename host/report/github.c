// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Failures as GitHub shows them: each red case is an annotation of the workflow run, by a workflow
 * command on standard output, and each failure is a row in the summary of the job, if the file
 * $GITHUB_STEP_SUMMARY names one. GitHub's documentation calls these "workflow commands" and "job
 * summaries". The summary is written as cases end, so a runner that was killed has told what failed
 * until then.
 */
#include <stdio.h>
#include <string.h>

#include "report/counts.h"
#include "report/reporter.h"
#include "report/test-verdicts.h"
#include "util/log-file.h"

#define SUMMARY_VARIABLE "GITHUB_STEP_SUMMARY"

/* GitHub drops a summary of more than 1 MiB; a row of the longest reasons has less than 2 KiB. */
#define MOST_ROWS 400
/* An annotation is read at a glance. */
#define MOST_LINES 10

struct github {
	struct log_file *summary; /* NULL: there is none */
	struct counts counts;
	guint rows;
};

/* The characters of a workflow command that have a meaning there. */
static const struct escape {
	char character;
	const char *text;
	gboolean everywhere; /* and not only in the properties before the message */
} escapes[] = {
	{ '%', "%25", TRUE },  { '\r', "%0D", TRUE }, { '\n', "%0A", TRUE },
	{ ':', "%3A", FALSE }, { ',', "%2C", FALSE },
};

static void append_escaped(GString *command, const char *text, gboolean property)
{
	for (; *text; text++) {
		const char *instead = NULL;

		for (gsize i = 0; i < G_N_ELEMENTS(escapes); i++)
			if (*text == escapes[i].character && (property || escapes[i].everywhere))
				instead = escapes[i].text;
		if (instead)
			g_string_append(command, instead);
		else
			g_string_append_c(command, *text);
	}
}

static void annotate(const char *title, const char *message)
{
	g_autoptr(GString) command = g_string_new("::error title=");

	append_escaped(command, title, TRUE);
	g_string_append(command, "::");
	append_escaped(command, message, FALSE);
	printf("%s\n", command->str);
	fflush(stdout);
}

/* Punctuation means something in Markdown. As a character reference it stands for itself. */
static void append_cell(GString *row, const char *text)
{
	g_string_append(row, " ");
	for (; text && *text; text++) {
		if (*text == '\n')
			g_string_append(row, "<br>");
		else if (strchr("&<>|*_`[]\\~#@$", *text))
			g_string_append_printf(row, "&#%d;", *text);
		else
			g_string_append_c(row, *text);
	}
	g_string_append(row, " |");
}

static void add_row(struct github *github, const struct result *result, const char *test,
		    const char *reason)
{
	/* No host has an empty name, so the place always names the host. */
	g_autofree char *place = result_place(result, "");
	g_autoptr(GString) row = g_string_new(NULL);

	if (!github->summary || github->rows++ >= MOST_ROWS)
		return;
	if (github->rows == 1)
		g_string_append(
			row,
			"\n| verdict | case | host | test | reason |\n|---|---|---|---|---|\n");
	g_string_append(row, "|");
	append_cell(row, verdict_name(result->verdict));
	append_cell(row, result->test_case->name);
	append_cell(row, place + strlen(" on "));
	append_cell(row, test);
	append_cell(row, reason);
	g_string_append(row, "\n");
	log_file_write(github->summary, row->str, row->len);
}

static void *github_begin(const char *target, const struct environment *environment,
			  const GPtrArray *cases, GError **error)
{
	const char *path = g_getenv(SUMMARY_VARIABLE);
	struct github *github = g_new0(struct github, 1);

	if (!path || !*path || (github->summary = log_file_append(path, error)))
		return github;
	g_free(github);
	return NULL;
}

static void add_line(GString *message, guint *lines, const char *name, const char *reason)
{
	if ((*lines)++ < MOST_LINES)
		g_string_append_printf(message, "%s%s: %s", message->len ? "\n" : "", name,
				       reason ? reason : "failed");
}

static void github_ended(void *data, const struct result *result)
{
	struct github *github = data;
	g_autofree char *place = result_place(result, "local");
	g_autoptr(GArray) tests = NULL;
	g_autoptr(GString) message = NULL;
	g_autofree char *title = NULL;
	guint lines = 0;

	counts_add(&github->counts, result);
	if (!verdict_is_red(result->verdict))
		return;
	tests = test_verdicts(result);
	message = g_string_new(NULL);
	title = g_strconcat(verdict_name(result->verdict), " ", result->test_case->name, place,
			    NULL);
	if (red_beyond_tests(result)) {
		g_string_append(message, result->reason);
		add_row(github, result, NULL, result->reason);
	}
	for (guint i = 0; i < tests->len; i++) {
		const struct test_verdict *test = &g_array_index(tests, struct test_verdict, i);

		if (!g_str_equal(test->verdict, "fail"))
			continue;
		add_line(message, &lines, test->name, test->reason);
		add_row(github, result, test->name, test->reason);
	}
	if (lines > MOST_LINES)
		g_string_append_printf(message, "\nand %u more tests", lines - MOST_LINES);
	annotate(title, message->str);
}

static gboolean github_end(void *data, guint not_run, const char *why, GError **error)
{
	struct github *github = data;
	g_autofree char *counts = counts_text(&github->counts, not_run);
	g_autoptr(GString) text = g_string_new("\n");
	gboolean written = TRUE;

	if (not_run) {
		g_autofree char *missing =
			g_strdup_printf("%u cases have no verdict: %s", not_run, why);

		annotate("Ferry", missing);
		g_string_append_printf(text, "%s\n\n", missing);
	}
	if (github->rows > MOST_ROWS)
		g_string_append_printf(text, "and %u more failures\n\n", github->rows - MOST_ROWS);
	g_string_append_printf(text, "%s\n", counts);
	if (github->summary) {
		log_file_write(github->summary, text->str, text->len);
		written = log_file_finish(github->summary, error);
	}
	g_free(github);
	return written;
}

const struct reporter github_reporter = {
	.name = "github",
	.about =
		"Also tell GitHub Actions what failed: annotations, and a table in the job's summary",
	.beside = TRUE,
	.begin = github_begin,
	.ended = github_ended,
	.end = github_end,
};
