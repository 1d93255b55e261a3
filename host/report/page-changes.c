// SPDX-License-Identifier: GPL-2.0-or-later
/* A table for each kind of change, with a row for each test. See page-changes.h. */
#include "report/page-changes.h"
#include "report/page-frame.h"
#include "util/text.h"

/* Rows of a table; the others are counted. */
#define MOST_ROWS 200

/* The changes that have a table, worst first. */
static const struct {
	enum change change;
	const char *heading;
	gboolean is_open; /* others are folded away */
} groups[] = {
	{ CHANGE_WORSE, "Worse", TRUE },    { CHANGE_BETTER, "Better", TRUE },
	{ CHANGE_NEW, "New", FALSE },	    { CHANGE_GONE, "Gone", FALSE },
	{ CHANGE_SLOWER, "Slower", FALSE },
};

/* A case that came or went as a whole has one row, and none for its tests. */
static gboolean has_row(const struct compared *item)
{
	if (item->change == CHANGE_SLOWER)
		return TRUE;
	if (item->test && (item->change == CHANGE_NEW || item->change == CHANGE_GONE))
		return item->whole->change != item->change;
	return item->change == CHANGE_NEW || item->change == CHANGE_GONE || comparison_counts(item);
}

static const char *verdict_class(enum standing standing)
{
	static const char *const names[] = { "SKIP",  "SKIP", "PASS", "XFAIL",
					     "FLAKY", "FAIL", "ERROR" };

	return names[standing];
}

static void write_stand(GString *html, const struct compared *item, enum side side)
{
	const struct stand *stand = &item->stands[side];

	g_string_append_printf(html, "<td><span class=\"verdict %s\">%s</span>",
			       verdict_class(stand->standing), standing_name(stand->standing));
	if (item->change == CHANGE_SLOWER && stand->fastest_ns) {
		g_autofree char *took = text_duration(stand->fastest_ns);

		g_string_append_printf(html, " %s", took);
	} else if (stand->reason && stand->standing != STANDS_PASS) {
		g_string_append(html, " ");
		html_text(html, stand->reason);
	}
	g_string_append(html, "</td>");
}

static void write_row(GString *html, const struct compared *item, int index)
{
	if (index >= 0)
		g_string_append_printf(html, "<tr><td><a href=\"#case-%d\">", index);
	else
		g_string_append(html, "<tr><td>");
	html_text(html, item->program);
	g_string_append(html, "/");
	html_text(html, item->plan);
	g_string_append(html, index >= 0 ? "</a>" : "");
	if (item->kvm) {
		g_string_append(html, " with ");
		html_text(html, item->kvm);
	}
	g_string_append(html, "</td><td>");
	html_text(html, item->test ? item->test : "the case");
	g_string_append(html, "</td>");
	write_stand(html, item, BEFORE);
	write_stand(html, item, AFTER);
	g_string_append(html, "</tr>\n");
}

static guint write_group(GString *html, const GPtrArray *items, gsize group,
			 find_case_function find_case, void *data)
{
	g_autoptr(GString) rows = g_string_new(NULL);
	guint count = 0;

	for (guint i = 0; i < items->len; i++) {
		const struct compared *item = items->pdata[i];

		if (item->change == groups[group].change && has_row(item) && count++ < MOST_ROWS)
			write_row(rows, item, find_case(data, item));
	}
	if (!count)
		return 0;
	g_string_append_printf(
		html,
		"<details%s><summary>%s: %u</summary>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table class=\"changes\">\n<thead><tr><th scope=\"col\">case</th><th scope=\"col\">test</th><th scope=\"col\">before</th><th scope=\"col\">now</th></tr></thead>\n<tbody>\n%s</tbody></table></div>\n",
		groups[group].is_open ? " open" : "", groups[group].heading, count,
		groups[group].heading, rows->str);
	if (count > MOST_ROWS)
		g_string_append_printf(html, "<p>%u more; 'ferry compare' lists all.</p>\n",
				       count - MOST_ROWS);
	g_string_append(html, "</details>\n");
	return count;
}

char *changes_html(const GPtrArray *items, find_case_function find_case, void *data)
{
	GString *html = g_string_new(
		"<section aria-labelledby=\"changes\">\n<h2 id=\"changes\">What changed</h2>\n");
	guint count = 0;

	for (gsize i = 0; i < G_N_ELEMENTS(groups); i++)
		count += write_group(html, items, i, find_case, data);
	if (!count)
		g_string_append(html, "<p>Nothing.</p>\n");
	g_string_append(html, "</section>\n");
	return g_string_free(html, FALSE);
}
