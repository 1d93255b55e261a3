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

#include "report/result.h"

struct page;

/* TITLE is plain text. */
struct page *page_new(const char *title);
void page_free(struct page *page);

void page_add(struct page *page, const struct result *result);

/* The whole page, which is complete now. The caller frees it. */
char *page_text(struct page *page);

#endif
