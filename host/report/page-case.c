// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A case as host/report/page/ reads it. This format is for the page alone; docs/results.md has the
 * one for others. It is smaller, since a page has to hold hundreds of cases: lists are arrays
 * without names, and times are in microseconds.
 *
 * The summary: program, plan, verdict, reason, place, us (how long it took), before (1 for a case
 * of an earlier run), tests and failed (names of tests, each once).
 *
 * The story:
 *
 * - tests: name, cpu, round, verdict, at, took, checks, failed at, reasons...
 *
 * - actions: at, took, least and most downtime, bytes, passes, pages sent, pages in RAM, cuts,
 * what, when the guest stopped, when each pass began...
 *
 * - clocks, with points: at, least, most, held
 *
 * - timers: name, armed at, armed for, periodic, until, fired, due (an array of times),
 * with firings: at, off its time
 *
 * - console and control: at, line, is cause, text
 *
 * - marks: name, figures
 *
 * - failures, known (what failed as known-issues.cfg says, of tests and beside them), attempts, and
 * single texts. A time that is not known is -1.
 */
#include <string.h>

#include "report/command.h"
#include "report/page-case.h"
#include "report/story-json.h"
#include "util/text.h"

/* More of them are counted, but not shown. */
#define MOST_TESTS    3000
#define MOST_ACTIONS  1000
#define MOST_MARKS    100
#define MOST_KNOWN    100
#define LONGEST_TEXT  2000
#define LONGEST_LINES 8000

static void add_number(JsonBuilder *builder, const char *name, gint64 value)
{
	json_builder_set_member_name(builder, name);
	json_builder_add_int_value(builder, value);
}

/* The one line TEXT. */
static void add_text_value(JsonBuilder *builder, const char *text)
{
	g_autofree char *printable = text_printable_most(text, -1, LONGEST_TEXT);

	json_builder_add_string_value(builder, printable);
}

static void add_text(JsonBuilder *builder, const char *name, const char *text)
{
	if (!text)
		return;
	json_builder_set_member_name(builder, name);
	add_text_value(builder, text);
}

/* TEXT may have several lines. */
static void add_lines(JsonBuilder *builder, const char *name, const char *text)
{
	g_auto(GStrv) lines = NULL;
	g_autofree char *joined = NULL;

	if (!text)
		return;
	lines = g_strsplit(text, "\n", LONGEST_LINES / 20);
	for (char **line = lines; *line; line++) {
		char *printable = text_printable_most(*line, -1, LONGEST_TEXT);

		g_free(*line);
		*line = printable;
	}
	joined = g_strjoinv("\n", lines);
	if (strlen(joined) > LONGEST_LINES) {
		g_autofree char *cut =
			g_utf8_substring(joined, 0, g_utf8_strlen(joined, LONGEST_LINES));

		json_builder_set_member_name(builder, name);
		json_builder_add_string_value(builder, cut);
		return;
	}
	json_builder_set_member_name(builder, name);
	json_builder_add_string_value(builder, joined);
}

static gint64 us(gint64 ns)
{
	return ns < 0 ? -1 : ns / 1000;
}

/* ---- the summary ---- */

static gboolean has_failed(const struct test_result *test)
{
	return g_strcmp0(test->verdict, "fail") == 0;
}

static void add_names(JsonBuilder *builder, const char *name, const struct result *result,
		      gboolean failed_only)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	json_builder_set_member_name(builder, name);
	json_builder_begin_array(builder);
	for (guint i = 0; i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];

		if (test->name && (!failed_only || has_failed(test)) &&
		    g_hash_table_add(seen, test->name))
			add_text_value(builder, test->name);
	}
	json_builder_end_array(builder);
}

void page_case_add_summary(JsonBuilder *builder, const struct result *result, gboolean is_before)
{
	g_autofree char *place = result_place(result, "");

	json_builder_begin_object(builder);
	add_text(builder, "program", result->test_case->program->name);
	add_text(builder, "plan", result->test_case->plan_name);
	add_text(builder, "name", result->test_case->name);
	add_text(builder, "verdict", verdict_name(result->verdict));
	add_text(builder, "reason", result->reason);
	add_text(builder, "place", g_strchug(place));
	add_number(builder, "us", us(result->duration_ns));
	if (is_before)
		add_number(builder, "before", 1);
	add_names(builder, "tests", result, FALSE);
	add_names(builder, "failed", result, TRUE);
	json_builder_end_object(builder);
}

/* ---- the story ---- */

static void add_test(JsonBuilder *builder, const struct test_result *test)
{
	json_builder_begin_array(builder);
	add_text_value(builder, test->name ? test->name : "?");
	json_builder_add_int_value(builder, test->cpu);
	json_builder_add_int_value(builder, test->round);
	add_text_value(builder, test->verdict ? test->verdict : "fail");
	json_builder_add_int_value(builder, us(test->at_ns));
	json_builder_add_int_value(builder, us(test->duration_ns));
	json_builder_add_int_value(builder, test->checks);
	json_builder_add_int_value(builder, us(test->failed_at_ns));
	if (test->reason)
		add_text_value(builder, test->reason);
	for (guint i = 0; test->further && i < test->further->len; i++)
		add_text_value(builder, test->further->pdata[i]);
	json_builder_end_array(builder);
}

/* If there are too many, tests that passed are left out. */
static void add_tests(JsonBuilder *builder, const struct result *result)
{
	guint left_out = 0, room = MOST_TESTS;

	json_builder_set_member_name(builder, "tests");
	json_builder_begin_array(builder);
	for (guint i = 0; i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];

		if (room && (room > MOST_TESTS / 2 || g_strcmp0(test->verdict, "pass"))) {
			add_test(builder, test);
			room--;
		} else {
			left_out++;
		}
	}
	json_builder_end_array(builder);
	add_number(builder, "tests_left_out", left_out);
}

/* WHEN is CLOCK_REALTIME, or 0. */
static gint64 moment(const struct action_stats *action, gint64 when)
{
	return when ? us(action->at_ns + when - action->started) : -1;
}

/* "migration", or "precopy migration" where a plan mixes the actions of others. */
static void add_what(JsonBuilder *builder, const struct action_stats *action)
{
	g_autofree char *what =
		g_strconcat(action->plan ? action->plan : "", action->plan ? " " : "",
			    action->action ? action->action : "action", NULL);

	add_text_value(builder, what);
}

static void add_clocks(JsonBuilder *builder, const GPtrArray *clocks)
{
	json_builder_set_member_name(builder, "clocks");
	json_builder_begin_array(builder);
	for (guint i = 0; clocks && i < clocks->len; i++) {
		const struct story_clock *clock = clocks->pdata[i];

		json_builder_begin_object(builder);
		add_text(builder, "name", clock->name);
		json_builder_set_member_name(builder, "points");
		json_builder_begin_array(builder);
		for (guint j = 0; j < clock->points->len; j++)
			story_add_clock_point_json(
				builder, &g_array_index(clock->points, struct clock_point, j),
				1000);
		json_builder_end_array(builder);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void add_timers(JsonBuilder *builder, const GPtrArray *timers)
{
	json_builder_set_member_name(builder, "timers");
	json_builder_begin_array(builder);
	for (guint i = 0; timers && i < timers->len; i++) {
		const struct story_timer *timer = timers->pdata[i];

		json_builder_begin_object(builder);
		add_text(builder, "name", timer->name);
		add_number(builder, "armedAt", us(timer->armed_at_ns));
		add_number(builder, "armed", us(timer->armed_ns));
		add_number(builder, "periodic", timer->is_periodic);
		add_number(builder, "until", us(timer->until_ns));
		add_number(builder, "fired", timer->fired);
		story_add_timer_times_json(builder, timer, "due", 1000);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void add_actions(JsonBuilder *builder, const struct result *result)
{
	guint shown = MIN(result->actions->len, MOST_ACTIONS);

	json_builder_set_member_name(builder, "actions");
	json_builder_begin_array(builder);
	for (guint i = 0; i < shown; i++) {
		const struct action_stats *action =
			&g_array_index(result->actions, struct action_stats, i);
		const gint64 values[] = {
			us(action->at_ns),	  us(action->total_ns), us(action->pause_min_ns),
			us(action->pause_max_ns), action->bytes,	action->passes,
			action->pages_sent,	  action->pages_in_ram, action->cuts
		};

		json_builder_begin_array(builder);
		for (gsize j = 0; j < G_N_ELEMENTS(values); j++)
			json_builder_add_int_value(builder, values[j]);
		add_what(builder, action);
		json_builder_add_int_value(builder, moment(action, action->stopped));
		for (gsize j = 0; j < MOST_PASSES_TOLD && action->pass_began[j]; j++)
			json_builder_add_int_value(builder, moment(action, action->pass_began[j]));
		json_builder_end_array(builder);
	}
	json_builder_end_array(builder);
	add_number(builder, "actions_left_out", result->actions->len - shown);
}

static void add_failures(JsonBuilder *builder, const struct result *result)
{
	json_builder_set_member_name(builder, "failures");
	json_builder_begin_array(builder);
	for (guint i = 0; i < result->failures->len; i++) {
		const struct failure *failure = result->failures->pdata[i];

		json_builder_begin_object(builder);
		add_text(builder, "kind", kind_name(failure->kind));
		add_text(builder, "text", failure->text);
		add_text(builder, "test", failure->test);
		add_text(builder, "issue", failure->known ? failure->issue : NULL);
		add_number(builder, "known", failure->known);
		add_number(builder, "at", us(failure->at_ns));
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void add_known_issue(JsonBuilder *builder, const char *issue, const char *test, unsigned cpu,
			    const char *text)
{
	json_builder_begin_object(builder);
	add_text(builder, "issue", issue ? issue : "known");
	add_text(builder, "test", test);
	add_number(builder, "cpu", cpu);
	add_text(builder, "text", text);
	json_builder_end_object(builder);
}

static void add_known(JsonBuilder *builder, const struct result *result)
{
	guint room = MOST_KNOWN;

	json_builder_set_member_name(builder, "known");
	json_builder_begin_array(builder);
	for (guint i = 0; i < result->tests->len && room; i++) {
		const struct test_result *test = result->tests->pdata[i];

		if (!g_strcmp0(test->verdict, "xfail") && room--)
			add_known_issue(builder, test->issue, test->name, test->cpu, test->reason);
	}
	for (guint i = 0; i < result->failures->len && room; i++) {
		const struct failure *failure = result->failures->pdata[i];

		if (failure->known && room--)
			add_known_issue(builder, failure->issue, NULL, 0, failure->text);
	}
	json_builder_end_array(builder);
}

static void add_log(JsonBuilder *builder, const char *name, const GPtrArray *lines)
{
	json_builder_set_member_name(builder, name);
	json_builder_begin_array(builder);
	for (guint i = 0; lines && i < lines->len; i++) {
		const struct story_line *line = lines->pdata[i];

		json_builder_begin_array(builder);
		json_builder_add_int_value(builder, us(line->at_ns));
		json_builder_add_int_value(builder, line->number);
		json_builder_add_int_value(builder, line->is_cause);
		add_text_value(builder, line->text);
		json_builder_end_array(builder);
	}
	json_builder_end_array(builder);
}

/* "cpu=0 period=1000", in the order of the names */
static char *mark_text(const struct mark *mark)
{
	g_autoptr(GList) keys =
		g_list_sort(g_hash_table_get_keys(mark->values), (GCompareFunc)strcmp);
	GString *text = g_string_new(NULL);

	for (GList *key = keys; key; key = key->next)
		if (!g_str_equal(key->data, "name"))
			g_string_append_printf(
				text, "%s%s=%s", text->len ? " " : "", (char *)key->data,
				(char *)g_hash_table_lookup(mark->values, key->data));
	return g_string_free(text, FALSE);
}

static void add_marks(JsonBuilder *builder, const struct result *result)
{
	guint shown = MIN(result->marks->len, MOST_MARKS);

	json_builder_set_member_name(builder, "marks");
	json_builder_begin_array(builder);
	for (guint i = 0; i < shown; i++) {
		const struct mark *mark = result->marks->pdata[i];
		g_autofree char *text = mark_text(mark);

		json_builder_begin_array(builder);
		add_text_value(builder, mark->name ? mark->name : "?");
		add_text_value(builder, text);
		json_builder_end_array(builder);
	}
	json_builder_end_array(builder);
	add_number(builder, "marks_left_out", result->marks->len - shown);
}

static void add_attempts(JsonBuilder *builder, const struct result *result)
{
	json_builder_set_member_name(builder, "attempts");
	json_builder_begin_array(builder);
	for (guint i = 0; i < result->attempts->len; i++) {
		const struct attempt *attempt = result->attempts->pdata[i];

		json_builder_begin_object(builder);
		add_text(builder, "verdict", verdict_name(attempt->verdict));
		add_text(builder, "reason", attempt->reason);
		add_text(builder, "logs", attempt->logdir);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

void page_case_add_story(JsonBuilder *builder, const struct result *result)
{
	const struct story *story = result->story;
	g_autofree char *command = command_again(result);
	g_autofree char *summary = result_summary(result);

	json_builder_begin_object(builder);
	add_text(builder, "summary", summary);
	add_text(builder, "command", command);
	add_text(builder, "logs", result->logdir);
	add_text(builder, "kind", kind_name(result->kind));
	add_text(builder, "action", result->test_case->action);
	add_text(builder, "vmm_version", result->vmm_version);
	add_text(builder, "other_vmm_version", result->other_vmm_version);
	add_lines(builder, "warning", result->warning);
	add_lines(builder, "memory", result->memory);
	add_lines(builder, "detail", result->detail);
	add_tests(builder, result);
	add_actions(builder, result);
	add_failures(builder, result);
	add_known(builder, result);
	add_marks(builder, result);
	add_attempts(builder, result);
	add_log(builder, "console", story ? story->console : NULL);
	add_log(builder, "control", story ? story->control : NULL);
	add_clocks(builder, story ? story->clocks : NULL);
	add_timers(builder, story ? story->timers : NULL);
	json_builder_end_object(builder);
}
