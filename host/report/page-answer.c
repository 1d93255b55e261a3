// SPDX-License-Identifier: GPL-2.0-or-later
/* The top of the page. See page-answer.h. */
#include "report/counts.h"
#include "report/page-answer.h"
#include "util/text.h"

#define LONGEST_TEXT 400
/* More of them are folded away, and of still more the matrix alone shows them. */
#define FAILED_SHOWN 10
#define MOST_FAILED  50

struct answer {
	struct counts counts;
	GString *failed; /* <li> of the first red cases */
	GString *folded; /* and of others */
	guint listed;
	GPtrArray *places; /* of char *: where the cases ran, each once */
	gint64 started;	   /* the earliest case, CLOCK_REALTIME, ns; 0: unknown */
	gint64 ended;	   /* the latest */
	char *ferry;
	guint32 seed;
};

struct answer *answer_new(void)
{
	struct answer *answer = g_new0(struct answer, 1);

	answer->failed = g_string_new(NULL);
	answer->folded = g_string_new(NULL);
	answer->places = g_ptr_array_new_with_free_func(g_free);
	return answer;
}

void answer_free(struct answer *answer)
{
	g_string_free(answer->failed, TRUE);
	g_string_free(answer->folded, TRUE);
	g_ptr_array_unref(answer->places);
	g_free(answer->ferry);
	g_free(answer);
}

void html_text(GString *html, const char *text)
{
	g_autofree char *printable = text_printable_most(text, -1, LONGEST_TEXT);
	g_autofree char *escaped = g_markup_escape_text(printable, -1);

	g_string_append(html, escaped);
}

/* "amd: qemu 7.2.22, kvm with npt=0, Linux 6.1.0, AMD EPYC, clock tsc" */
static char *describe_place(const struct result *result)
{
	const struct environment *environment = result->environment;
	GString *text = g_string_new(environment->host);

	g_string_append_printf(text, ": %s", environment->vmm ? environment->vmm : "?");
	if (result->vmm_version)
		g_string_append_printf(text, " %s", result->vmm_version);
	if (result->other_vmm_version)
		g_string_append_printf(text, " and %s", result->other_vmm_version);
	if (environment->accel)
		g_string_append_printf(text, ", %s", environment->accel);
	if (environment->kvm)
		g_string_append_printf(text, " with %s", environment->kvm);
	if (environment->kernel)
		g_string_append_printf(text, ", Linux %s", environment->kernel);
	if (environment->cpu)
		g_string_append_printf(text, ", %s", environment->cpu);
	if (environment->clock)
		g_string_append_printf(text, ", clock %s", environment->clock);
	return g_string_free(text, FALSE);
}

/* Cases that never ran tell no version, and would be a place of their own. */
static void add_place(struct answer *answer, const struct result *result)
{
	g_autofree char *place = NULL;

	if (result->verdict == VERDICT_SKIP && !result->started)
		return;
	place = describe_place(result);
	if (!g_ptr_array_find_with_equal_func(answer->places, place, g_str_equal, NULL))
		g_ptr_array_add(answer->places, g_steal_pointer(&place));
}

static void add_failed(struct answer *answer, const struct result *result, guint index)
{
	GString *html = answer->listed < FAILED_SHOWN ? answer->failed : answer->folded;
	g_autofree char *place = result_place(result, "local");

	if (answer->listed++ >= MOST_FAILED)
		return;
	g_string_append_printf(html,
			       "<li><span class=\"verdict %s\">%s</span> <a href=\"#case-%u\">",
			       verdict_name(result->verdict), verdict_name(result->verdict), index);
	html_text(html, result->test_case->name);
	g_string_append(html, "</a>");
	html_text(html, place);
	g_string_append(html, "<br><span class=\"reason\">");
	html_text(html, result->reason ? result->reason : "no reason is told");
	g_string_append(html, "</span></li>\n");
}

void answer_add(struct answer *answer, const struct result *result, guint index)
{
	const struct environment *environment = result->environment;

	counts_add(&answer->counts, result);
	add_place(answer, result);
	if (verdict_is_red(result->verdict))
		add_failed(answer, result, index);
	if (result->started && (!answer->started || result->started < answer->started))
		answer->started = result->started;
	answer->ended = MAX(answer->ended, result->started + result->duration_ns);
	if (!answer->ferry)
		answer->ferry = g_strdup(environment->ferry);
	answer->seed = environment->seed;
}

/* "2026-11-29 13:10 UTC, took 12 min" */
static void write_time(const struct answer *answer, GString *html)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(answer->started / 1000000000);
	g_autofree char *when = time ? g_date_time_format(time, "%Y-%m-%d %H:%M UTC") : NULL;
	g_autofree char *took = text_rough_duration((answer->ended - answer->started) / 1e9);

	if (!answer->started || !when)
		return;
	g_string_append_printf(html, "<dt>When</dt><dd>%s, took %s</dd>\n", when, took);
}

static void write_places(const struct answer *answer, GString *html)
{
	g_string_append(html, "<dl class=\"facts\">\n<dt>Ran on</dt>");
	for (guint i = 0; i < answer->places->len; i++) {
		g_string_append(html, "<dd>");
		html_text(html, answer->places->pdata[i]);
		g_string_append(html, "</dd>");
	}
	if (!answer->places->len)
		g_string_append(html, "<dd>nothing: no case ran</dd>");
	g_string_append(html, "\n");
	write_time(answer, html);
	g_string_append_printf(html, "<dt>Seed</dt><dd>%u</dd>\n", answer->seed);
	if (answer->ferry) {
		g_string_append(html, "<dt>Ferry</dt><dd>");
		html_text(html, answer->ferry);
		g_string_append(html, "</dd>\n");
	}
	g_string_append(html, "</dl>\n");
}

static void write_headline(const struct answer *answer, GString *html)
{
	guint cases = 0, red = counts_red(&answer->counts);

	for (guint verdict = 0; verdict < VERDICT_COUNT; verdict++)
		cases += answer->counts.cases[verdict];
	if (!cases)
		g_string_append(html, "<h1 class=\"SKIP\">There are no results</h1>\n");
	else if (red)
		g_string_append_printf(html, "<h1 class=\"FAIL\">%u of %u case%s failed</h1>\n",
				       red, cases, cases == 1 ? "" : "s");
	else
		g_string_append_printf(html, "<h1 class=\"PASS\">Nothing failed</h1>\n");
}

void answer_write(const struct answer *answer, const char *title, GString *html)
{
	g_autofree char *counts = counts_text(&answer->counts, 0);

	g_string_append(html, "<header>\n<p class=\"title\">Ferry: ");
	html_text(html, title);
	g_string_append(html, "</p>\n");
	write_headline(answer, html);
	g_string_append_printf(html, "<p class=\"counts\">%s</p>\n", counts);
	write_places(answer, html);
	g_string_append(html, "</header>\n");
	if (!answer->failed->len)
		return;
	g_string_append(
		html,
		"<section aria-labelledby=\"failed\">\n<h2 id=\"failed\">What failed</h2>\n<ul class=\"failed\">\n");
	g_string_append(html, answer->failed->str);
	g_string_append(html, "</ul>\n");
	if (answer->listed > FAILED_SHOWN)
		g_string_append_printf(
			html,
			"<details><summary>%u more</summary><ul class=\"failed\">\n%s</ul></details>\n",
			answer->listed - FAILED_SHOWN, answer->folded->str);
	if (answer->listed > MOST_FAILED)
		g_string_append_printf(html, "<p>Of these %u are only among the cases below.</p>\n",
				       answer->listed - MOST_FAILED);
	g_string_append(html, "</section>\n");
}
