/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run in a screenful of text that is worth pasting into a bug report: what failed, on what it
 * ran, the console around each failure, and a command that runs the case again.
 */
#ifndef FERRY_HOST_REPORT_DIGEST_H
#define FERRY_HOST_REPORT_DIGEST_H

#include "report/result.h"

struct digest;

/* MARKDOWN: as GitHub and others read it; else plain text. */
struct digest *digest_new(gboolean markdown);
void digest_free(struct digest *digest);

void digest_add(struct digest *digest, const struct result *result);
/* See run_facts_add_not_run(). */
void digest_add_not_run(struct digest *digest, const char *name, const char *why);

/* The whole text. The caller frees it. */
char *digest_text(const struct digest *digest);

#endif
