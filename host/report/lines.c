// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Results for people, on standard output: a line as each case ends. The live display adds a last
 * line that always shows what is running; without it, a line says so now and then (progress.h).
 */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "report/counts.h"
#include "report/first-line.h"
#include "report/progress.h"
#include "report/reporter.h"
#include "util/color.h"
#include "util/text.h"

/* With more cases than this, the failures are listed again at the end. */
#define CASES_ON_ONE_SCREEN 20

struct lines {
	const struct environment *environment;
	guint cases;
	struct counts counts;
	gboolean live, colored;
	gboolean shown; /* the live line is on the terminal */
	struct progress *progress;
	GPtrArray *failures; /* names */

	/* Cases of one program that were skipped for the same reason share one line. */
	const struct program *skipped_program;
	char *skipped_first, *skipped_reason; /* NULL if there is no such line to print */
	guint skipped_more;
};

static void hide(struct lines *lines)
{
	if (lines->shown)
		fputs("\r\033[K", stdout);
	lines->shown = FALSE;
}

static void show(struct lines *lines)
{
	g_autofree char *text = NULL;
	struct winsize size;
	glong columns;

	if (!lines->live)
		return;
	hide(lines);
	text = progress_live_line(lines->progress);
	if (!text) {
		fflush(stdout);
		return;
	}
	/* A terminal that does not know its width reports 0. */
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		size.ws_col = 80;
	columns = MAX(20, size.ws_col) - 1;
	if (g_utf8_strlen(text, -1) > columns)
		*g_utf8_offset_to_pointer(text, columns) = '\0';
	fputs(text, stdout);
	fflush(stdout);
	lines->shown = TRUE;
}

static const char *color(const struct lines *lines, enum verdict verdict)
{
	static const char *const colors[] = {
		[VERDICT_PASS] = "\033[32m",  [VERDICT_FAIL] = "\033[31m",
		[VERDICT_XFAIL] = "\033[33m", [VERDICT_SKIP] = "\033[33m",
		[VERDICT_ERROR] = "\033[35m", [VERDICT_FLAKY] = "\033[31m",
	};

	return lines->colored ? colors[verdict] : "";
}

static const char *no_color(const struct lines *lines)
{
	return lines->colored ? "\033[m" : "";
}

static void print_skipped(struct lines *lines)
{
	if (!lines->skipped_first)
		return;
	hide(lines);
	printf("%s%-5s%s %s", color(lines, VERDICT_SKIP), verdict_name(VERDICT_SKIP),
	       no_color(lines), lines->skipped_first);
	if (lines->skipped_more)
		printf(" and %u more of %s", lines->skipped_more, lines->skipped_program->name);
	printf(": %s\n", lines->skipped_reason);
	g_clear_pointer(&lines->skipped_first, g_free);
	g_clear_pointer(&lines->skipped_reason, g_free);
	lines->skipped_more = 0;
}

/* The time has come to say how far the run is. */
static void tell_progress(void *data)
{
	struct lines *lines = data;
	g_autofree char *text = NULL;

	if (lines->live) {
		show(lines);
		return;
	}
	text = progress_plain_line(lines->progress);
	print_skipped(lines);
	printf("%s\n", text);
	fflush(stdout);
}

static void *begin(const struct environment *environment, const GPtrArray *cases, gboolean live)
{
	struct lines *lines = g_new0(struct lines, 1);
	g_autofree char *first = first_line(environment, cases);

	lines->environment = environment;
	lines->cases = cases->len;
	lines->live = live;
	lines->colored = color_is_wanted();
	lines->progress = progress_new(cases->len, live, tell_progress, lines);
	lines->failures = g_ptr_array_new_with_free_func(g_free);
	printf("%s\n", first);
	fflush(stdout);
	return lines;
}

static void *plain_begin(const char *target, const struct environment *environment,
			 const GPtrArray *cases, GError **error)
{
	return begin(environment, cases, FALSE);
}

static void *live_begin(const char *target, const struct environment *environment,
			const GPtrArray *cases, GError **error)
{
	return begin(environment, cases, TRUE);
}

static void lines_forecast(void *data, const struct forecast *forecast)
{
	progress_set_forecast(((struct lines *)data)->progress, forecast);
}

static void lines_started(void *data, const struct test_case *test_case)
{
	struct lines *lines = data;

	progress_started(lines->progress, test_case);
	show(lines);
}

static void lines_progress(void *data, const struct test_case *test_case, const char *doing)
{
	struct lines *lines = data;

	progress_doing(lines->progress, test_case, doing);
	show(lines);
}

/* TRUE if the result is printed later, together with others. */
static gboolean keep_skipped(struct lines *lines, const struct result *result)
{
	const struct program *program = result->test_case->program;

	if (result->verdict != VERDICT_SKIP || result->logdir)
		return FALSE;
	if (lines->skipped_first && lines->skipped_program == program &&
	    g_str_equal(lines->skipped_reason, result->reason)) {
		lines->skipped_more++;
		return TRUE;
	}
	print_skipped(lines);
	lines->skipped_program = program;
	lines->skipped_first = g_strdup(result->test_case->name);
	lines->skipped_reason = g_strdup(result->reason);
	return TRUE;
}

static void lines_note(void *data, const char *text)
{
	struct lines *lines = data;

	hide(lines);
	print_skipped(lines);
	printf("%s\n", text);
	fflush(stdout);
	show(lines);
}

/* --verbose: several cases write at a time, so each line names its case. */
static void lines_console(void *data, const struct test_case *test_case, const char *text)
{
	struct lines *lines = data;

	hide(lines);
	print_skipped(lines);
	printf("%s%s |%s %s\n", lines->colored ? "\033[2m" : "", test_case->name, no_color(lines),
	       text);
	if (!lines->live)
		fflush(stdout);
	show(lines);
}

static void print_lines(const char *before, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++)
		printf("      %s%s\n", before, *line);
}

/* "60 other tests passed": what else is to be told of a case whose failures are all known. */
static char *other_tests(const struct result *result)
{
	guint passed = count_tests(result).passed;

	if (!passed)
		return g_strdup("no other test passed");
	return g_strdup_printf("%u other test%s passed", passed, passed == 1 ? "" : "s");
}

static void print_attempts(const struct result *result)
{
	for (guint i = 0; i < result->attempts->len; i++) {
		const struct attempt *attempt = result->attempts->pdata[i];

		printf("      attempt %u %s: %s\n", i + 1, verdict_name(attempt->verdict),
		       attempt->reason);
		if (attempt->logdir)
			printf("      attempt %u logs in %s\n", i + 1, attempt->logdir);
	}
}

static void print_result(struct lines *lines, const struct result *result)
{
	g_autofree char *place = result_place(result, lines->environment->host);
	g_autofree char *summary = result_summary(result), *others = NULL;

	printf("%s%-5s%s %s%s", color(lines, result->verdict), verdict_name(result->verdict),
	       no_color(lines), result->test_case->name, place);
	if (result->other_vmm_version)
		printf(" between %s and %s", result->vmm_version, result->other_vmm_version);
	if (result->verdict == VERDICT_PASS)
		printf(" (%s)", summary);
	else
		printf(": %s", result->reason);
	if (result->verdict == VERDICT_XFAIL) {
		others = other_tests(result);
		printf(" (%s)", others);
	}
	printf("\n");
	if (result->warning)
		printf("      warning: %s\n", result->warning);
	if (result->memory)
		print_lines("memory: ", result->memory);
	print_attempts(result);
	if (!verdict_is_red(result->verdict))
		return;
	if (result->detail)
		print_lines("", result->detail);
	if (result->logdir)
		printf("      logs in %s\n", result->logdir);
}

static void lines_ended(void *data, const struct result *result)
{
	struct lines *lines = data;

	progress_ended(lines->progress, result->test_case);
	counts_add(&lines->counts, result);
	if (verdict_is_red(result->verdict))
		g_ptr_array_add(lines->failures, g_strdup(result->test_case->name));
	hide(lines);
	if (!keep_skipped(lines, result)) {
		print_skipped(lines);
		print_result(lines, result);
	}
	fflush(stdout);
	show(lines);
}

static gboolean lines_end(void *data, guint not_run, const char *why, GError **error)
{
	struct lines *lines = data;
	g_autofree char *counts = counts_text(&lines->counts, not_run);
	gboolean written;

	hide(lines);
	print_skipped(lines);
	if (lines->failures->len && lines->cases > CASES_ON_ONE_SCREEN)
		for (guint i = 0; i < lines->failures->len; i++)
			printf("failed: %s\n", (char *)lines->failures->pdata[i]);
	if (not_run)
		printf("%s: %u of %u cases have no verdict\n", why, not_run, lines->cases);
	printf("%s\n", counts);
	written = !fflush(stdout) && !ferror(stdout);
	if (!written)
		g_set_error(error, FERRY_ERROR, 0, "cannot write to standard output");
	progress_free(lines->progress);
	g_ptr_array_unref(lines->failures);
	g_free(lines);
	return written;
}

const struct reporter plain_reporter = {
	.name = "plain",
	.about = "No live display on a terminal",
	.begin = plain_begin,
	.forecast = lines_forecast,
	.started = lines_started,
	.note = lines_note,
	.console = lines_console,
	.ended = lines_ended,
	.end = lines_end,
};

const struct reporter live_reporter = {
	.name = "live",
	.begin = live_begin,
	.forecast = lines_forecast,
	.started = lines_started,
	.note = lines_note,
	.console = lines_console,
	.progress = lines_progress,
	.ended = lines_ended,
	.end = lines_end,
};
