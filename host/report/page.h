/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A page that shows what happened in a run. It is one HTML file that needs nothing else: the style
 * and the script of host/report/page/ are in it, and the results as JSON, which the script draws.
 *
 * What comes from guests and VMMs may be anything. It is in the page as JSON, in which no '<' is
 * left, or escaped for HTML; the script makes text nodes of it and never HTML; and the page's
 * policy (CSP) lets no other script run than ours.
 */
#ifndef FERRY_HOST_REPORT_PAGE_H
#define FERRY_HOST_REPORT_PAGE_H

#include "report/compare.h"

struct page;

/* TITLE is plain text. */
struct page *page_new(const char *title);
void page_free(struct page *page);

void page_add(struct page *page, const struct result *result);
/* The run did not come to the case NAME. See run_facts_add_not_run(). */
void page_add_not_run(struct page *page, const char *name, const char *why);
/* Adds a case of an earlier run, which is shown beside the same case of this one. */
void page_add_before(struct page *page, const struct result *result);
/* ITEMS, from comparison_decide(), tell what changed since the earlier run. */
void page_add_changes(struct page *page, const GPtrArray *items);

/* The whole page, which is complete now. The caller frees it. */
char *page_text(struct page *page);

#endif
