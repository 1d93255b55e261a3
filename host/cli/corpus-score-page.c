// SPDX-License-Identifier: GPL-2.0-or-later
/* The page docs/corpus.md. See corpus-score.h. */
#include <string.h>

#include "cli/corpus-area.h"
#include "cli/corpus-score.h"

static const char introduction[] =
	"# The score: which broken KVMs and QEMUs are caught\n"
	"\n"
	"`build/ferry corpus score` makes this page from the heads of the patches and from what\n"
	"`ferry corpus run` has found (`corpus/verdicts`). Changes belong there.\n"
	"\n"
	"KVMs and QEMUs that are broken on purpose measure Ferry's tests; [corpus/README.md](../corpus/README.md)\n"
	"tells how. Each is a patch, and its head names the tests that must fail with it. If one of them does, the\n"
	"patch is caught.\n"
	"\n";

#define PAGE_WIDTH 110

static guint percent(guint part, guint all)
{
	return all ? part * 100 / all : 0;
}

/* Adds TEXT, with a backslash before what Markdown would take for its signs. */
static void add_text(GString *page, const char *text)
{
	for (; *text; text++) {
		if (*text == '|' || *text == '*' || *text == '<' || *text == '[')
			g_string_append_c(page, '\\');
		g_string_append_c(page, *text);
	}
}

/* ---- the answer ---- */

static void add_kind_score(GString *page, const GPtrArray *entries, const struct bug_kind *kind,
			   const char *before)
{
	struct score_counts counts = score_count(entries, kind, NULL);

	g_string_append_printf(page, "%s%u of %u %ss (%u %%)", before, counts.caught, counts.all,
			       kind->what, percent(counts.caught, counts.all));
}

static void add_answer(GString *page, const GPtrArray *entries)
{
	struct score_counts counts = score_count(entries, NULL, NULL);
	guint tried = counts.caught + counts.missed;

	g_string_append_printf(page, "**%u of %u are caught (%u %%)**", counts.caught, counts.all,
			       percent(counts.caught, counts.all));
	for (const struct bug_kind *kind = bug_kinds; kind->what; kind++)
		add_kind_score(page, entries, kind, kind == bug_kinds ? ": " : ", ");
	g_string_append_printf(page, ". %u %s missed.", counts.missed,
			       counts.missed == 1 ? "is" : "are");
	if (tried < counts.all)
		g_string_append_printf(
			page, " %u %s no verdict yet; of the %u that have one, %u %% are caught.",
			counts.all - tried, counts.all - tried == 1 ? "has" : "have", tried,
			percent(counts.caught, tried));
	g_string_append(page, "\n");
}

/* ---- by area ---- */

static void add_area(GString *page, const char *area, struct score_counts counts)
{
	if (counts.all)
		g_string_append_printf(page, "| %s | %u | %u | %u | %u |\n", area, counts.all,
				       counts.caught, counts.missed,
				       counts.all - counts.caught - counts.missed);
}

static void add_areas(GString *page, const GPtrArray *entries, const struct bug_kind *kind)
{
	g_string_append_printf(page,
			       "\n## Broken %ss, by area\n\n"
			       "| area | patches | caught | missed | no verdict |\n"
			       "|---|---|---|---|---|\n",
			       kind->what);
	for (const char *const *area = corpus_areas; *area; area++)
		add_area(page, *area, score_count(entries, kind, *area));
	add_area(page, SCORE_OTHER_AREA, score_count(entries, kind, SCORE_OTHER_AREA));
	add_area(page, "all", score_count(entries, kind, NULL));
}

/* ---- what is missed, and what has no verdict ---- */

static void add_misses(GString *page, const GPtrArray *entries)
{
	if (!score_count(entries, NULL, NULL).missed)
		return;
	g_string_append(page, "\n## What is missed\n\n");
	for (guint i = 0; i < entries->len; i++) {
		const struct score_entry *entry = entries->pdata[i];

		if (entry->state != SCORE_MISSED)
			continue;
		g_string_append_printf(page, "- `%s`: ", entry->bug->name);
		add_text(page, entry->bug->breaks);
		g_string_append(page, entry->bug->missed ? ". Missed because "
							 : ". Nobody has found out why yet");
		add_text(page, entry->bug->missed ?: "");
		g_string_append(page, ".\n");
	}
}

/* Adds "`NAME`" and what follows it, on a new line if this one is full. */
static void add_name(GString *page, const char *name, const char *end, gsize *column)
{
	gsize length = strlen(name) + strlen("``") + strlen(end);

	if (*column && *column + strlen(" ") + length > PAGE_WIDTH) {
		g_string_append_c(page, '\n');
		*column = 0;
	}
	g_string_append_printf(page, "%s`%s`%s", *column ? " " : "", name, end);
	*column += length + (*column ? strlen(" ") : 0);
}

/* All names of the patches in this STATE, below TITLE. */
static void add_names(GString *page, const GPtrArray *entries, enum score_state state,
		      const char *title)
{
	const char *last = NULL;
	gsize column = 0;

	for (guint i = 0; i < entries->len; i++) {
		const struct score_entry *entry = entries->pdata[i];

		if (entry->state != state)
			continue;
		if (last)
			add_name(page, last, ",", &column);
		else
			g_string_append_printf(page, "\n%s:\n\n", title);
		last = entry->bug->name;
	}
	if (!last)
		return;
	add_name(page, last, ".", &column);
	g_string_append_c(page, '\n');
}

static void add_unknown(GString *page, const GPtrArray *entries)
{
	static const struct {
		enum score_state state;
		const char *title;
	} rows[] = {
		{ SCORE_UNKNOWN, "Has not run yet" },
		{ SCORE_STALE, "Has changed since it ran" },
		{ SCORE_NOT_BUILT, "Could not be built" },
		{ SCORE_NOT_RUN, "No host had what its cases need" },
		{ SCORE_BROKEN, "No case came to its end with it" },
	};
	struct score_counts counts = score_count(entries, NULL, NULL);

	if (counts.caught + counts.missed == counts.all)
		return;
	g_string_append(page, "\n## What has no verdict\n");
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		add_names(page, entries, rows[i].state, rows[i].title);
}

/* ---- false alarms ---- */

#define MANY_PASSES 3

static void add_alarm(GString *page, const struct verdict_line *line)
{
	g_string_append_printf(page, "- `%s` of `%s`, on %s\n", line->test ?: "no test",
			       line->case_name, line->patch + strlen(UNBROKEN_PREFIX));
}

static void add_alarms(GString *page, const GPtrArray *verdicts)
{
	guint cases = 0, often = 0, alarms = 0;

	g_string_append(page, "\n## False alarms\n\n");
	for (guint i = 0; i < verdicts->len; i++) {
		const struct verdict_line *line = verdicts->pdata[i];

		if (!g_str_has_prefix(line->patch, UNBROKEN_PREFIX))
			continue;
		cases++;
		often += line->passes >= MANY_PASSES;
		alarms += line->verdict == UNBROKEN_FALSE_ALARM;
		if (line->verdict == UNBROKEN_FALSE_ALARM)
			add_alarm(page, line);
	}
	if (!cases) {
		g_string_append(page, "The cases have not run on unbroken KVM and QEMU yet.\n");
		return;
	}
	g_string_append_printf(
		page,
		"%s| cases on unbroken KVM and QEMU | failed when they ran last | passed at least %d times in a row |\n"
		"|---|---|---|\n"
		"| %u | %u | %u |\n",
		alarms ? "\n" : "", MANY_PASSES, cases, alarms, often);
}

/* ---- all ---- */

static const char *state_word(enum score_state state)
{
	if (state == SCORE_CAUGHT)
		return "";
	return state == SCORE_MISSED ? "**missed**" : "no verdict";
}

static void add_all(GString *page, const GPtrArray *entries)
{
	g_string_append(page, "\n## All patches\n\n"
			      "| patch | it breaks | caught by | in | after |\n"
			      "|---|---|---|---|---|\n");
	for (guint i = 0; i < entries->len; i++) {
		const struct score_entry *entry = entries->pdata[i];

		g_string_append_printf(page, "| `%s` | ", entry->bug->name);
		add_text(page, entry->bug->breaks);
		if (!entry->test)
			g_string_append_printf(page, " | %s | | |\n", state_word(entry->state));
		else if (entry->seconds < 0)
			g_string_append_printf(page, " | `%s` | `%s` | |\n", entry->test,
					       entry->case_name);
		else
			g_string_append_printf(page, " | `%s` | `%s` | %.0f s |\n", entry->test,
					       entry->case_name, MAX(entry->seconds, 1));
	}
}

char *score_page(const GPtrArray *entries, const GPtrArray *verdicts)
{
	GString *page = g_string_new(introduction);

	add_answer(page, entries);
	for (const struct bug_kind *kind = bug_kinds; kind->what; kind++)
		add_areas(page, entries, kind);
	add_misses(page, entries);
	add_unknown(page, entries);
	add_alarms(page, verdicts);
	add_all(page, entries);
	return g_string_free(page, FALSE);
}
