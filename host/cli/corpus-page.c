// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A page of the corpus: a row for each patch with what it breaks, whether a case has noticed it,
 * and which one soonest; then the matrix of patches and programs. See corpus-page.h.
 */
#include <string.h>

#include "cli/corpus-bug.h"
#include "cli/corpus-page.h"
#include "cli/corpus-verdicts.h"
#include "report/page-frame.h"
#include "util/text.h"

enum state {
	STATE_CAUGHT,
	STATE_MISSED,  /* it was tried, and no case noticed it */
	STATE_BROKEN,  /* it cannot be built, or no case could run with it */
	STATE_UNKNOWN, /* it was not tried */
};

static const struct {
	const char *name, *style;
} states[] = {
	[STATE_CAUGHT] = { "caught", "PASS" },
	[STATE_MISSED] = { "MISSED", "FAIL" },
	[STATE_BROKEN] = { "did not run", "ERROR" },
	[STATE_UNKNOWN] = { "not tried", "SKIP" },
};

/* What the matrix holds of a patch. */
struct row {
	const struct bug *bug;
	enum state state;
	GPtrArray *lines; /* of const struct matrix_line *, those that notice first */
	const struct matrix_line *soonest; /* that notices it, or NULL */
	const struct verdict_line
		*verdict;     /* of a patch that the matrix has nobody notice, or NULL */
	guint caught;	      /* cases that notice it */
	GHashTable *programs; /* name of a program -> enum state + 1, the best of its cases */
};

static void row_free(struct row *row)
{
	g_ptr_array_unref(row->lines);
	g_hash_table_unref(row->programs);
	g_free(row);
}

static void note_program(struct row *row, const char *case_name, enum state state)
{
	char *program = g_strndup(case_name, strcspn(case_name, "/"));
	guint before = GPOINTER_TO_UINT(g_hash_table_lookup(row->programs, program));

	if (!before || state < before - 1)
		g_hash_table_insert(row->programs, program, GUINT_TO_POINTER(state + 1));
	else
		g_free(program);
}

static void note_line(struct row *row, const struct matrix *matrix, const struct matrix_line *line)
{
	gboolean notices = matrix_catches(matrix, line);

	if (g_str_equal(line->case_name, MATRIX_NO_CASE)) {
		row->state = STATE_BROKEN;
		return;
	}
	if (line->verdict == MATRIX_SKIP)
		return;
	note_program(row, line->case_name, notices ? STATE_CAUGHT : STATE_MISSED);
	g_ptr_array_insert(row->lines, notices ? (int)row->caught : -1, (gpointer)line);
	if (row->state == STATE_UNKNOWN)
		row->state = STATE_MISSED;
	if (!notices)
		return;
	row->state = STATE_CAUGHT;
	row->caught++;
	if (!row->soonest || line->seconds < row->soonest->seconds)
		row->soonest = line;
}

/* What `ferry corpus run` has found. It ends with the first case that notices. */
static void note_verdict(struct row *row, const struct verdict_line *line)
{
	row->verdict = line;
	switch (line->verdict) {
	case BUG_CAUGHT:
		row->state = STATE_CAUGHT;
		break;
	case BUG_MISSED:
		row->state = STATE_MISSED;
		break;
	default:
		row->state = STATE_BROKEN;
	}
	if (line->case_name && row->state != STATE_BROKEN)
		note_program(row, line->case_name, row->state);
}

static struct row *make_row(const struct bug *bug, const struct matrix *matrix,
			    const GPtrArray *verdicts)
{
	const struct verdict_line *verdict = verdicts ? verdicts_find(verdicts, bug->name) : NULL;
	struct row *row = g_new0(struct row, 1);

	row->bug = bug;
	row->state = STATE_UNKNOWN;
	row->lines = g_ptr_array_new();
	row->programs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; i < matrix->lines->len; i++) {
		const struct matrix_line *line = matrix->lines->pdata[i];

		if (g_str_equal(line->patch, bug->name))
			note_line(row, matrix, line);
	}
	if (verdict && (row->state == STATE_UNKNOWN || verdict->verdict == BUG_CAUGHT) &&
	    row->state != STATE_CAUGHT)
		note_verdict(row, verdict);
	return row;
}

/* Those that nothing has noticed first. */
static int compare_rows(const void *a, const void *b)
{
	static const int order[] = {
		[STATE_MISSED] = 0, [STATE_BROKEN] = 1, [STATE_CAUGHT] = 2, [STATE_UNKNOWN] = 3
	};
	const struct row *one = *(const struct row *const *)a;
	const struct row *other = *(const struct row *const *)b;

	if (one->state != other->state)
		return order[one->state] - order[other->state];
	return strcmp(one->bug->name, other->bug->name);
}

/* ---- HTML ---- */

static void write_header(GString *html, const GPtrArray *rows)
{
	guint counts[G_N_ELEMENTS(states)] = { 0 };

	for (guint i = 0; i < rows->len; i++)
		counts[((const struct row *)rows->pdata[i])->state]++;
	g_string_append_printf(
		html,
		"<header>\n<p class=\"title\">Ferry: KVMs and QEMUs that are broken on purpose</p>\n<h1 class=\"%s\">%u of %u that were tried are noticed</h1>\n<p class=\"counts\">%u missed, %u did not run, %u not tried</p>\n</header>\n",
		counts[STATE_MISSED] ? "FAIL" : "PASS", counts[STATE_CAUGHT],
		rows->len - counts[STATE_UNKNOWN], counts[STATE_MISSED], counts[STATE_BROKEN],
		counts[STATE_UNKNOWN]);
}

static const char *line_verdict(const struct matrix_line *line)
{
	static const char *const names[] = {
		[MATRIX_PASS] = "pass", [MATRIX_XFAIL] = "known", [MATRIX_SKIP] = "skip",
		[MATRIX_FAIL] = "fail", [MATRIX_ERROR] = "error",
	};

	return line->verdict < G_N_ELEMENTS(names) ? names[line->verdict] : "did not run";
}

static void write_cases(GString *html, const struct row *row)
{
	if (!row->lines->len)
		return;
	g_string_append_printf(html, "<details><summary>%u case%s</summary><ul>\n", row->lines->len,
			       row->lines->len == 1 ? "" : "s");
	for (guint i = 0; i < row->lines->len; i++) {
		const struct matrix_line *line = row->lines->pdata[i];

		g_string_append(html, "<li>");
		html_text(html, line->case_name);
		g_string_append_printf(html, ": %s%s after %.1f s", line_verdict(line),
				       i < row->caught ? ", notices it" : "", line->seconds);
		if (line->test) {
			g_string_append(html, " in ");
			html_text(html, line->test);
		}
		g_string_append(html, "</li>\n");
	}
	g_string_append(html, "</ul></details>\n");
}

static void write_soonest(GString *html, const struct row *row)
{
	const char *name = row->soonest ? row->soonest->case_name : row->verdict->case_name;
	const char *test = row->soonest ? row->soonest->test : row->verdict->test;
	double seconds = row->soonest ? row->soonest->seconds : row->verdict->seconds;

	html_text(html, name ? name : "?");
	g_string_append(html, "<br><span class=\"quiet\">");
	if (test) {
		g_string_append(html, "in ");
		html_text(html, test);
	}
	if (seconds >= 0)
		g_string_append_printf(html, "%safter %.1f s", test ? ", " : "", seconds);
	g_string_append(html, "</span>");
}

static void write_patch(GString *html, const struct row *row)
{
	g_string_append(html, "<tr><th scope=\"row\">");
	html_text(html, row->bug->name);
	g_string_append_printf(html, "</th><td><span class=\"verdict %s\">%s</span></td><td>",
			       states[row->state].style, states[row->state].name);
	html_text(html, row->bug->breaks);
	g_string_append(html, "<br><span class=\"quiet\">Noticed by: ");
	html_text(html, row->bug->noticed);
	g_string_append(html, "</span>\n");
	if (row->state == STATE_MISSED && row->bug->missed) {
		g_string_append(html, "<br><span class=\"quiet\">Missed: ");
		html_text(html, row->bug->missed);
		g_string_append(html, "</span>\n");
	}
	write_cases(html, row);
	g_string_append(html, "</td><td>");
	if (row->state == STATE_CAUGHT)
		write_soonest(html, row);
	g_string_append(html, "</td></tr>\n");
}

static void write_patches(GString *html, const GPtrArray *rows)
{
	g_string_append(
		html,
		"<section aria-labelledby=\"patches\">\n<h2 id=\"patches\">Patches</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Patches\"><table class=\"patches\">\n<thead><tr><th scope=\"col\">patch</th><th scope=\"col\">verdict</th><th scope=\"col\">what it breaks</th><th scope=\"col\">soonest</th></tr></thead>\n<tbody>\n");
	for (guint i = 0; i < rows->len; i++)
		write_patch(html, rows->pdata[i]);
	g_string_append(html, "</tbody></table></div>\n</section>\n");
}

/* The programs that were measured with some patch, by name. */
static GPtrArray *find_programs(const GPtrArray *rows)
{
	GPtrArray *programs = g_ptr_array_new();
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < rows->len; i++) {
		g_autoptr(GList) names =
			g_hash_table_get_keys(((const struct row *)rows->pdata[i])->programs);

		for (GList *name = names; name; name = name->next)
			if (g_hash_table_add(seen, name->data))
				g_ptr_array_add(programs, name->data);
	}
	g_ptr_array_sort(programs, text_compare);
	return programs;
}

static void write_cells(GString *html, const struct row *row, const GPtrArray *programs)
{
	g_string_append(html, "<tr><th scope=\"row\">");
	html_text(html, row->bug->name);
	g_string_append(html, "</th>");
	for (guint i = 0; i < programs->len; i++) {
		guint state =
			GPOINTER_TO_UINT(g_hash_table_lookup(row->programs, programs->pdata[i]));

		if (state)
			g_string_append_printf(html,
					       "<td><span class=\"verdict %s\">%s</span></td>",
					       state - 1 == STATE_CAUGHT ? "PASS" : "SKIP",
					       state - 1 == STATE_CAUGHT ? "yes" : "no");
		else
			g_string_append(html, "<td></td>");
	}
	g_string_append(html, "</tr>\n");
}

static void write_matrix(GString *html, const GPtrArray *rows)
{
	g_autoptr(GPtrArray) programs = find_programs(rows);

	if (!programs->len)
		return;
	g_string_append(
		html,
		"<section aria-labelledby=\"matrix\">\n<h2 id=\"matrix\">Which program notices which patch</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Matrix\"><table class=\"matrix\">\n<thead><tr><th scope=\"col\">patch</th>");
	for (guint i = 0; i < programs->len; i++) {
		g_string_append(html, "<th scope=\"col\">");
		html_text(html, programs->pdata[i]);
		g_string_append(html, "</th>");
	}
	g_string_append(html, "</tr></thead>\n<tbody>\n");
	for (guint i = 0; i < rows->len; i++)
		write_cells(html, rows->pdata[i], programs);
	g_string_append(html, "</tbody></table></div>\n</section>\n");
}

char *corpus_page(const GPtrArray *bugs, const struct matrix *matrix, const GPtrArray *verdicts)
{
	g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)row_free);
	g_autoptr(GString) html = g_string_new("<main>\n");

	for (guint i = 0; i < bugs->len; i++)
		g_ptr_array_add(rows, make_row(bugs->pdata[i], matrix, verdicts));
	g_ptr_array_sort(rows, compare_rows);
	write_header(html, rows);
	write_patches(html, rows);
	write_matrix(html, rows);
	g_string_append(html, "</main>\n");
	return page_frame("the corpus", html->str, "");
}
