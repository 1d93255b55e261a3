/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options of `ferry run` that choose reports: one for each line of report/table.h. */
#ifndef FERRY_HOST_REPORT_OPTIONS_H
#define FERRY_HOST_REPORT_OPTIONS_H

#include "report/reports.h"

/* The options, to be parsed. */
const GOptionEntry *report_options_entries(void);

/* Begins the reports that were chosen. FALSE and ERROR if one cannot be written. */
gboolean report_options_begin(struct reports *reports, const struct environment *environment,
			      const GPtrArray *cases, GError **error);

/* Whether standard output is for people, and not in a format for machines. */
gboolean report_options_for_people(void);

#endif
