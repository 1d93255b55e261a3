/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A case as the page's script reads it. page-case.c lists the members. */
#ifndef FERRY_HOST_REPORT_PAGE_CASE_H
#define FERRY_HOST_REPORT_PAGE_CASE_H

#include <json-glib/json-glib.h>

#include "report/result.h"

/*
 * Adds to BUILDER an object for the matrix: what filters and cells need. IS_BEFORE: it is of an
 * earlier run.
 */
void page_case_add_summary(JsonBuilder *builder, const struct result *result, gboolean is_before);
/* Adds an object with all that is shown when the case is opened. */
void page_case_add_story(JsonBuilder *builder, const struct result *result);

#endif
