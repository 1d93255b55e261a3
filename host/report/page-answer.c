// SPDX-License-Identifier: GPL-2.0-or-later
/* The top of the page. See page-answer.h. */
#include "report/page-answer.h"
#include "report/page-frame.h"
#include "report/run-facts.h"

/*
 * After the first number of red cases they are folded away. After the second, only the matrix shows
 * them.
 */
#define FAILED_SHOWN 10
#define MOST_FAILED  50

struct answer {
	struct run_facts *facts;
	GString *failed; /* <li> of the first red cases */
	GString *folded; /* and of others */
	guint listed;
};

struct answer *answer_new(void)
{
	struct answer *answer = g_new0(struct answer, 1);

	answer->facts = run_facts_new();
	answer->failed = g_string_new(NULL);
	answer->folded = g_string_new(NULL);
	return answer;
}

void answer_free(struct answer *answer)
{
	run_facts_free(answer->facts);
	g_string_free(answer->failed, TRUE);
	g_string_free(answer->folded, TRUE);
	g_free(answer);
}

static void add_failed(struct answer *answer, const struct result *result, guint index)
{
	GString *html = answer->listed < FAILED_SHOWN ? answer->failed : answer->folded;
	const char *verdict = verdict_name(result->verdict);
	g_autofree char *place = result_place(result, "local");

	if (answer->listed++ >= MOST_FAILED)
		return;
	g_string_append_printf(html,
			       "<li><span class=\"verdict %s\">%s</span> <a href=\"#case-%u\">",
			       verdict, verdict, index);
	html_text(html, result->test_case->name);
	g_string_append(html, "</a>");
	html_text(html, place);
	g_string_append(html, "<br><span class=\"reason\">");
	html_text(html, result->reason ? result->reason : "no reason given");
	g_string_append(html, "</span></li>\n");
}

void answer_add(struct answer *answer, const struct result *result, guint index)
{
	run_facts_add(answer->facts, result);
	if (verdict_is_red(result->verdict))
		add_failed(answer, result, index);
}

void answer_add_not_run(struct answer *answer, const char *name, const char *why)
{
	run_facts_add_not_run(answer->facts, name, why);
}

static void write_fact(GString *html, const char *name, const char *value)
{
	if (!value)
		return;
	g_string_append_printf(html, "<dt>%s</dt><dd>", name);
	html_text(html, value);
	g_string_append(html, "</dd>\n");
}

static void write_facts(const struct run_facts *facts, GString *html)
{
	g_autofree char *when = run_facts_when(facts);
	g_autofree char *seed = g_strdup_printf("%u", facts->seed);
	g_autofree char *ended_early = run_facts_ended_early(facts);

	g_string_append(html, "<dl class=\"facts\">\n");
	write_fact(html, "Ended early", ended_early);
	g_string_append(html, "<dt>Ran on</dt>");
	for (guint i = 0; i < facts->places->len; i++) {
		g_string_append(html, "<dd>");
		html_text(html, facts->places->pdata[i]);
		g_string_append(html, "</dd>\n");
	}
	if (!facts->places->len)
		g_string_append(html, "<dd>nothing: no guest ran</dd>\n");
	write_fact(html, "When", when);
	write_fact(html, "Seed", seed);
	write_fact(html, "Ferry", facts->ferry);
	g_string_append(html, "</dl>\n");
}

static void write_failed(const struct answer *answer, GString *html)
{
	if (!answer->failed->len)
		return;
	g_string_append_printf(
		html,
		"<section aria-labelledby=\"failed\">\n<h2 id=\"failed\">What failed</h2>\n<ul class=\"failed\">\n%s</ul>\n",
		answer->failed->str);
	if (answer->listed > FAILED_SHOWN)
		g_string_append_printf(
			html,
			"<details><summary>%u more</summary><ul class=\"failed\">\n%s</ul></details>\n",
			answer->listed - FAILED_SHOWN, answer->folded->str);
	if (answer->listed > MOST_FAILED)
		g_string_append_printf(html, "<p>%u of these are only among the cases below.</p>\n",
				       answer->listed - MOST_FAILED);
	g_string_append(html, "</section>\n");
}

void answer_write(const struct answer *answer, const char *title, const char *changes,
		  GString *html)
{
	const struct run_facts *facts = answer->facts;
	g_autofree char *counts = counts_text(&facts->counts, run_facts_missing(facts));
	g_autofree char *headline = run_facts_headline(facts);

	g_string_append(html, "<header>\n<p class=\"title\">Ferry: ");
	html_text(html, title);
	g_string_append_printf(html, "</p>\n<h1 class=\"%s\">%s</h1>\n<p class=\"counts\">%s</p>\n",
			       counts_red(&facts->counts) ? "FAIL"
			       : run_facts_missing(facts) ? "FLAKY"
			       : facts->cases		  ? "PASS"
							  : "SKIP",
			       headline, counts);
	write_facts(facts, html);
	g_string_append(html, "</header>\n");
	if (changes)
		g_string_append(html, changes);
	write_failed(answer, html);
}
