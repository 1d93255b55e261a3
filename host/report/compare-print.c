// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints what has changed from one run to another. See compare.h. A test that changed alike under
 * several plans has one line, "svm_state/{none,precopy} flags", which a shell makes into cases.
 */
#include <string.h>

#include "report/compare.h"
#include "util/text.h"

static const struct {
	const char *heading, *counted;
} changes[] = {
	[CHANGE_WORSE] = { "worse", "worse" },	  [CHANGE_BETTER] = { "better", "better" },
	[CHANGE_NEW] = { "new", "new" },	  [CHANGE_GONE] = { "gone", "gone" },
	[CHANGE_SLOWER] = { "slower", "slower" }, [CHANGE_NONE] = { "same", "the same" },
};

struct line {
	const struct compared *first;
	GPtrArray *plans;
	const char *what; /* follows the names */
	guint tests;	  /* that this line stands for, beside cases */
};

/* ---- which items are told ---- */

static gboolean is_bad(enum standing standing)
{
	return standing >= STANDS_FLAKY;
}

gboolean comparison_counts(const struct compared *item)
{
	const struct stand *before = &item->stands[BEFORE], *after = &item->stands[AFTER];

	return item->test || (!item->tests[BEFORE] && !item->tests[AFTER]) ||
	       (before->standing != STANDS_PASS && before->standing != STANDS_NOT) ||
	       (after->standing != STANDS_PASS && after->standing != STANDS_NOT);
}

/* ---- lines ---- */

static void line_free(struct line *line)
{
	g_ptr_array_unref(line->plans);
	g_free(line);
}

const char *standing_name(enum standing standing)
{
	static const char *const names[] = { "not there", "skip", "pass", "xfail",
					     "flaky",	  "fail", "error" };

	return names[standing];
}

/* What is told of ITEM; interned. */
static const char *words(const struct compared *item)
{
	const struct compared *whole = item->whole;
	const struct stand *before = &item->stands[BEFORE], *after = &item->stands[AFTER];
	g_autofree char *text = NULL;

	if (item->change == CHANGE_NEW && before->standing == STANDS_NOT)
		text = g_strdup(standing_name(after->standing));
	else if (item->change == CHANGE_GONE && after->standing == STANDS_NOT)
		text = g_strdup(whole->stands[AFTER].standing == STANDS_NOT ? "not run"
				: whole->early[AFTER] ? "not reached, since the case ended early"
						      : "the case has no such test any more");
	else
		text = g_strdup_printf("%s -> %s", standing_name(before->standing),
				       standing_name(after->standing));
	return g_intern_string(text);
}

/* Whole cases that came or went, and tests that were not reached, need no line for each test. */
static gboolean is_summed_up(const struct compared *item)
{
	const struct compared *whole = item->whole;

	if (item->change == CHANGE_NEW)
		return whole->change == CHANGE_NEW && !is_bad(item->stands[AFTER].standing);
	return item->change == CHANGE_GONE && item->stands[AFTER].standing == STANDS_NOT &&
	       (whole->stands[AFTER].standing == STANDS_NOT || whole->early[AFTER]);
}

static void add_to_line(GPtrArray *lines, GHashTable *by_name, const struct compared *item)
{
	gboolean sum = is_summed_up(item);
	const char *what = item->change == CHANGE_SLOWER ? item->plan : words(item);
	const char *host = item->stands[item->stands[AFTER].host ? AFTER : BEFORE].host;
	g_autofree char *name =
		g_strconcat(item->program, "\n", host, "\n", what, "\n", item->kvm ? item->kvm : "",
			    "\n", sum ? "" : item->test, NULL);
	struct line *line = g_hash_table_lookup(by_name, name);

	if (!line) {
		line = g_new0(struct line, 1);
		line->first = item;
		line->plans = g_ptr_array_new();
		line->what = what;
		g_hash_table_insert(by_name, g_steal_pointer(&name), line);
		g_ptr_array_add(lines, line);
	}
	if (!g_ptr_array_find(line->plans, item->plan, NULL))
		g_ptr_array_add(line->plans, (gpointer)item->plan);
	line->tests += sum && item->test;
}

static void print_name(const struct line *line, FILE *stream)
{
	const struct stand *stands = line->first->stands;
	const char *host = stands[stands[AFTER].host ? AFTER : BEFORE].host;
	g_autofree char *plans = NULL;

	g_ptr_array_add(line->plans, NULL);
	plans = g_strjoinv(",", (char **)line->plans->pdata);
	fprintf(stream, "  %s/%s%s%s", line->first->program, line->plans->len > 2 ? "{" : "", plans,
		line->plans->len > 2 ? "}" : "");
	if (line->first->test && !line->tests)
		fprintf(stream, " %s", line->first->test);
	if (!g_str_has_prefix(host, "local"))
		fprintf(stream, " on %.*s", (int)strcspn(host, ","), host);
	if (line->first->kvm)
		fprintf(stream, " with %s", line->first->kvm);
}

static void print_line(const struct line *line, FILE *stream)
{
	const struct stand *before = &line->first->stands[BEFORE];
	const struct stand *after = &line->first->stands[AFTER];

	print_name(line, stream);
	if (line->first->change == CHANGE_SLOWER) {
		g_autofree char *then = text_duration(before->fastest_ns);
		g_autofree char *now = text_duration(after->fastest_ns);

		fprintf(stream, ": %s -> %s\n", then, now);
		return;
	}
	fprintf(stream, ": %s", line->what);
	if (line->tests)
		fprintf(stream, " (%u test%s)", line->tests, line->tests == 1 ? "" : "s");
	else if (after->reason && after->standing != STANDS_PASS)
		fprintf(stream, ": %s", after->reason);
	fputc('\n', stream);
}

static guint print_change(const GPtrArray *items, enum change change, FILE *stream)
{
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func((GDestroyNotify)line_free);
	g_autoptr(GHashTable) by_name =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	guint count = 0;

	for (guint i = 0; i < items->len; i++) {
		const struct compared *item = items->pdata[i];

		if (item->change != change || (change != CHANGE_SLOWER && !comparison_counts(item)))
			continue;
		count++;
		if (change != CHANGE_NONE)
			add_to_line(lines, by_name, item);
	}
	if (lines->len)
		fprintf(stream, "%s:\n", changes[change].heading);
	for (guint i = 0; i < lines->len; i++)
		print_line(lines->pdata[i], stream);
	return count;
}

guint comparison_print(const GPtrArray *items, FILE *stream)
{
	guint found[G_N_ELEMENTS(changes)] = { 0 };

	for (enum change change = 0; change < G_N_ELEMENTS(changes); change++)
		found[change] = print_change(items, change, stream);
	for (enum change change = 0; change < G_N_ELEMENTS(changes); change++)
		fprintf(stream, "%s%u %s", change ? ", " : "", found[change],
			changes[change].counted);
	fputc('\n', stream);
	return found[CHANGE_WORSE];
}
