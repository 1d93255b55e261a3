/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads back what --json has written. */
#ifndef FERRY_HOST_REPORT_RESULTS_FILE_H
#define FERRY_HOST_REPORT_RESULTS_FILE_H

#include "report/result.h"

/*
 * Calls EACH for every result in the file PATH, in its order. A result has all that docs/results.md
 * lists; its case has only the names, and its program only the name. It lives until EACH returns.
 * FALSE and ERROR if the file cannot be read or has a line that is no result. A last line without a
 * newline is ignored: a runner that was killed leaves such a line. So is the line that names the
 * cases that did not run.
 */
gboolean results_file_read(const char *path, void (*each)(void *data, const struct result *result),
			   void *data, GError **error);

/*
 * Like results_file_read(). Also calls NOT_RUN, unless it is NULL, with the name, "program/plan",
 * of each case that did not run. WHY says what ended the run; NULL: the file does not say.
 */
gboolean results_file_read_all(const char *path,
			       void (*each)(void *data, const struct result *result),
			       void (*not_run)(void *data, const char *name, const char *why),
			       void *data, GError **error);

#endif
