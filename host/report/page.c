// SPDX-License-Identifier: GPL-2.0-or-later
/* Puts the page together. See page.h. */
#include <json-glib/json-glib.h>
#include <string.h>

#include "report/page-answer.h"
#include "report/page-case.h"
#include "report/page-changes.h"
#include "report/page-files.h"
#include "report/page-frame.h"
#include "report/page.h"

struct page {
	char *title;
	struct answer *answer;
	JsonBuilder *summaries;
	GString *stories; /* <script> elements with JSON, one a case, which are read when opened */
	guint cases;
	GHashTable *by_key; /* key_of() -> number of the case */
	char *changes;	    /* HTML, or NULL */
};

struct page *page_new(const char *title)
{
	struct page *page = g_new0(struct page, 1);

	page->title = g_strdup(title);
	page->answer = answer_new();
	page->summaries = json_builder_new();
	json_builder_begin_array(page->summaries);
	page->stories = g_string_new(NULL);
	page->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return page;
}

void page_free(struct page *page)
{
	g_free(page->title);
	g_free(page->changes);
	g_hash_table_unref(page->by_key);
	answer_free(page->answer);
	g_object_unref(page->summaries);
	g_string_free(page->stories, TRUE);
	g_free(page);
}

/*
 * Appends a data block with what BUILDER has built. Without a '<' nothing in it can end the element
 * or begin a comment. JSON has a '<' only in strings, where an escape may stand for it.
 */
static void append_json(GString *html, const char *id, JsonBuilder *builder)
{
	g_autoptr(JsonNode) root = json_builder_get_root(builder);
	g_autofree char *text = json_to_string(root, FALSE);

	g_string_append_printf(html, "<script type=\"application/json\" id=\"%s\">", id);
	for (const char *next = text; *next;) {
		gsize length = strcspn(next, "<");

		g_string_append_len(html, next, length);
		next += length;
		if (*next == '<') {
			g_string_append(html, "\\u003c");
			next++;
		}
	}
	g_string_append(html, "</script>\n");
}

/* The key by which a comparison finds a case, made of what it knows of a case. */
static char *key_of(enum side side, const char *program, const char *plan, const char *kvm)
{
	return g_strdup_printf("%d\n%s\n%s\n%s", side, program, plan, kvm ? kvm : "");
}

static void add(struct page *page, const struct result *result, enum side side)
{
	const struct test_case *test_case = result->test_case;
	g_autoptr(JsonBuilder) story = json_builder_new();
	g_autofree char *id = g_strdup_printf("story-%u", page->cases);
	char *key = key_of(side, test_case->program->name, test_case->plan_name,
			   result->environment->kvm);

	if (!g_hash_table_contains(page->by_key, key))
		g_hash_table_insert(page->by_key, key, GUINT_TO_POINTER(page->cases));
	else
		g_free(key);
	page_case_add_summary(page->summaries, result, side == BEFORE);
	page_case_add_story(story, result);
	append_json(page->stories, id, story);
	page->cases++;
}

void page_add(struct page *page, const struct result *result)
{
	answer_add(page->answer, result, page->cases);
	add(page, result, AFTER);
}

void page_add_not_run(struct page *page, const char *name, const char *why)
{
	answer_add_not_run(page->answer, name, why);
}

void page_add_before(struct page *page, const struct result *result)
{
	add(page, result, BEFORE);
}

static int find_case(void *data, const struct compared *item)
{
	const struct page *page = data;

	for (int side = AFTER; side >= BEFORE; side--) {
		g_autofree char *key = key_of(side, item->program, item->plan, item->kvm);
		gpointer index;

		if (g_hash_table_lookup_extended(page->by_key, key, NULL, &index))
			return GPOINTER_TO_UINT(index);
	}
	return -1;
}

void page_add_changes(struct page *page, const GPtrArray *items)
{
	page->changes = changes_html(items, find_case, page);
}

char *page_text(struct page *page)
{
	g_autofree char *script = g_strjoinv("\n", (char **)page_scripts);
	g_autoptr(GString) html = g_string_new("<main id=\"overview\" tabindex=\"-1\">\n");

	answer_write(page->answer, page->title, page->changes, html);
	g_string_append(
		html,
		"<section id=\"matrix\" aria-labelledby=\"cases\">\n<h2 id=\"cases\">Cases</h2>\n<noscript><p>The cases are drawn by a script in this page, and your browser runs none.</p></noscript>\n</section>\n</main>\n");
	g_string_append(
		html,
		"<main id=\"case\" tabindex=\"-1\" aria-labelledby=\"case-name\" hidden></main>\n");
	json_builder_end_array(page->summaries);
	append_json(html, "summaries", page->summaries);
	g_string_append(html, page->stories->str);
	return page_frame(page->title, html->str, script);
}
