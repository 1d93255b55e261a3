/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of the page that tells what changed from one run to another, as HTML. */
#ifndef FERRY_HOST_REPORT_PAGE_CHANGES_H
#define FERRY_HOST_REPORT_PAGE_CHANGES_H

#include "report/compare.h"

/* The number of the case of ITEM in the page, or -1. */
typedef int (*find_case_function)(void *data, const struct compared *item);

/* What changed in ITEMS, which comparison_decide() returned. The caller frees it. */
char *changes_html(const GPtrArray *items, find_case_function find_case, void *data);

#endif
