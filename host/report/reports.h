/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All the reports about one run. */
#ifndef FERRY_HOST_REPORTS_H
#define FERRY_HOST_REPORTS_H

#include "report/reporter.h"

struct reports;

struct reports *reports_new(void);
/* Frees REPORTS without ending them. */
void reports_free(struct reports *reports);

/* Begins a report and adds it; see struct reporter. FALSE and ERROR if it cannot be written. */
gboolean reports_begin(struct reports *reports, const struct reporter *reporter, const char *target,
		       const struct environment *environment, const GPtrArray *cases,
		       GError **error);
/* Adds a report without calling its `begin`. DATA is passed to its other functions. */
void reports_add(struct reports *reports, const struct reporter *reporter, void *data);

/* FORECAST is good until this is called with NULL. */
void reports_forecast(struct reports *reports, const struct forecast *forecast);
void reports_started(struct reports *reports, const struct test_case *test_case);
void reports_note(struct reports *reports, const char *text);
void reports_progress(struct reports *reports, const struct test_case *test_case,
		      const char *doing);
void reports_console(struct reports *reports, const struct test_case *test_case, const char *text);
void reports_ended(struct reports *reports, const struct result *result);

/*
 * Ends all reports; NOT_RUN cases have no verdict. Returns one line about each that is incomplete;
 * the caller frees the list with g_strfreev().
 */
char **reports_end(struct reports *reports, guint not_run, const char *why);

#endif
