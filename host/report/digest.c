// SPDX-License-Identifier: GPL-2.0-or-later
/* What ferry report --text and --markdown print. See digest.h. */
#include <string.h>

#include "report/command.h"
#include "report/digest.h"
#include "report/run-facts.h"
#include "util/text.h"

/* This many red cases are told with their console; the others have one line. */
#define MOST_DETAILED 10
/* Failed tests of a case that are told. */
#define MOST_TESTS 8
/* Lines of the console before and after the first failure. */
#define LINES_BEFORE 8
#define LINES_AFTER  4
#define LONGEST_TEXT 400

struct digest {
	gboolean markdown;
	struct run_facts *facts;
	GString *failed;
	guint detailed;
};

struct digest *digest_new(gboolean markdown)
{
	struct digest *digest = g_new0(struct digest, 1);

	digest->markdown = markdown;
	digest->facts = run_facts_new();
	digest->failed = g_string_new(NULL);
	return digest;
}

void digest_free(struct digest *digest)
{
	run_facts_free(digest->facts);
	g_string_free(digest->failed, TRUE);
	g_free(digest);
}

static void add_line(GString *block, const char *indent, const char *line)
{
	g_autofree char *printable = text_printable_most(line, -1, LONGEST_TEXT);

	g_string_append_printf(block, "%s%s\n", indent, printable);
}

/* The longest row of backticks in TEXT. */
static guint longest_ticks(const char *text)
{
	guint longest = 0;

	for (const char *next = strchr(text, '`'); next; next = strchr(next, '`')) {
		guint length = strspn(next, "`");

		longest = MAX(longest, length);
		next += length;
	}
	return longest;
}

/* Text that may hold signs of Markdown is code there, in a fence longer than any that it holds. */
static void add_block(struct digest *digest, const char *block)
{
	g_autofree char *fence = g_strnfill(MAX(3, longest_ticks(block) + 1), '`');

	if (digest->markdown)
		g_string_append_printf(digest->failed, "%s\n%s%s\n\n", fence, block, fence);
	else
		g_string_append_printf(digest->failed, "%s\n", block);
}

static void add_tests(GString *block, const struct result *result)
{
	guint failed = 0;

	for (guint i = 0; i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];
		g_autofree char *text = NULL;

		if (g_strcmp0(test->verdict, "fail") || ++failed > MOST_TESTS)
			continue;
		text = g_strdup_printf("%s on CPU %u: %s", test->name ? test->name : "?", test->cpu,
				       test->reason ? test->reason : "no reason given");
		add_line(block, "  ", text);
	}
	if (failed > MOST_TESTS)
		g_string_append_printf(block, "  and %u more\n", failed - MOST_TESTS);
}

/* When something failed first that is not known, since the case began; -1: nobody knows. */
static gint64 first_failure(const struct result *result)
{
	gint64 first = G_MAXINT64;

	for (guint i = 0; i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];

		if (!g_strcmp0(test->verdict, "fail") && test->failed_at_ns >= 0)
			first = MIN(first, test->failed_at_ns);
	}
	for (guint i = 0; i < result->failures->len; i++) {
		const struct failure *failure = result->failures->pdata[i];

		if (!failure->known && failure->at_ns >= 0)
			first = MIN(first, failure->at_ns);
	}
	return first == G_MAXINT64 ? -1 : first;
}

/* The line of that failure. Known failures before it have lines of their own. */
static guint find_cause(const GPtrArray *console, gint64 failed_at_ns)
{
	guint found = console->len;

	for (guint i = 0; i < console->len; i++) {
		const struct story_line *line = console->pdata[i];

		if (line->is_cause && (found == console->len || line->at_ns <= failed_at_ns))
			found = i;
	}
	return found;
}

static void add_console(GString *block, const struct result *result)
{
	const struct story *story = result->story;
	guint cause, first, last;

	if (!story || !story->console->len)
		return;
	cause = find_cause(story->console, first_failure(result));
	first = MAX(cause, LINES_BEFORE) - LINES_BEFORE;
	last = MIN(cause + LINES_AFTER, story->console->len - 1);
	g_string_append(block, "console:\n");
	for (guint i = first; i <= last; i++) {
		const struct story_line *line = story->console->pdata[i];
		g_autofree char *text =
			g_strdup_printf("%c %5u %9.3f s  %s", line->is_cause ? '>' : ' ',
					line->number, line->at_ns / 1e9, line->text);

		add_line(block, "  ", text);
	}
}

static void add_lines(GString *block, const char *heading, const char *lines)
{
	g_auto(GStrv) split = lines ? g_strsplit(lines, "\n", 40) : NULL;

	if (!split)
		return;
	g_string_append_printf(block, "%s:\n", heading);
	for (char **line = split; *line; line++)
		add_line(block, "  ", *line);
}

static void add_case(struct digest *digest, const struct result *result)
{
	g_autofree char *place = result_place(result, "local");
	g_autofree char *command = command_again(result);
	g_autoptr(GString) block = g_string_new(NULL);

	g_string_append_printf(digest->failed, "%s%s %s%s\n%s", digest->markdown ? "### " : "",
			       verdict_name(result->verdict), result->test_case->name, place,
			       digest->markdown ? "\n" : "");
	add_line(block, "", result->reason ? result->reason : "no reason given");
	if (digest->detailed++ < MOST_DETAILED) {
		add_tests(block, result);
		add_console(block, result);
		add_lines(block, "backtrace", result->detail);
		add_lines(block, "again", command);
	}
	add_block(digest, block->str);
}

void digest_add(struct digest *digest, const struct result *result)
{
	run_facts_add(digest->facts, result);
	if (verdict_is_red(result->verdict))
		add_case(digest, result);
}

void digest_add_not_run(struct digest *digest, const char *name, const char *why)
{
	run_facts_add_not_run(digest->facts, name, why);
}

char *digest_text(const struct digest *digest)
{
	const struct run_facts *facts = digest->facts;
	g_autofree char *headline = run_facts_headline(facts);
	g_autofree char *counts = counts_text(&facts->counts, run_facts_missing(facts));
	g_autofree char *ended_early = run_facts_ended_early(facts);
	g_autofree char *when = run_facts_when(facts);
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "%s%s\n\n%s\n\n",
			       digest->markdown ? "## Ferry: " : "Ferry: ", headline, counts);
	if (ended_early)
		add_line(text, "- ", ended_early);
	for (guint i = 0; i < facts->places->len; i++)
		add_line(text, "- ", facts->places->pdata[i]);
	g_string_append_printf(text, "- %s; seed %u%s%s\n\n", when ? when : "time unknown",
			       facts->seed, facts->ferry ? "; Ferry " : "",
			       facts->ferry ? facts->ferry : "");
	g_string_append(text, digest->failed->str);
	return g_string_free(text, FALSE);
}
