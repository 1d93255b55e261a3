/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The top of the page: what failed, and on what it was run. It is HTML that needs no script. */
#ifndef FERRY_HOST_REPORT_PAGE_ANSWER_H
#define FERRY_HOST_REPORT_PAGE_ANSWER_H

#include "report/result.h"

struct answer;

struct answer *answer_new(void);
void answer_free(struct answer *answer);

/* RESULT is the case number INDEX, to which a link leads. */
void answer_add(struct answer *answer, const struct result *result, guint index);
/* See run_facts_add_not_run(). */
void answer_add_not_run(struct answer *answer, const char *name, const char *why);

/*
 * Appends the answer to HTML. TITLE is plain text; CHANGES is HTML that stands before what failed,
 * or NULL.
 */
void answer_write(const struct answer *answer, const char *title, const char *changes,
		  GString *html);

#endif
