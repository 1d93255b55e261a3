/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads back what --json has written. */
#ifndef FERRY_HOST_REPORT_RESULTS_FILE_H
#define FERRY_HOST_REPORT_RESULTS_FILE_H

#include "report/result.h"

/*
 * Calls EACH for every result in the file PATH, in its order. A result has all that docs/results.md
 * lists; of its case there are the names, and of its program the name. It lives until EACH returns.
 * FALSE and ERROR if the file cannot be read or has a line that is no result. A last line without
 * an end, as a runner leaves it that was killed, is ignored. So is the line that names the cases
 * that did not run.
 */
gboolean results_file_read(const char *path, void (*each)(void *data, const struct result *result),
			   void *data, GError **error);

/*
 * The same, and calls NOT_RUN, unless it is NULL, for every case NAME, "program/plan", that the run
 * which wrote the file did not come to. WHY says what ended the run; NULL: the file does not tell.
 */
gboolean results_file_read_all(const char *path,
			       void (*each)(void *data, const struct result *result),
			       void (*not_run)(void *data, const char *name, const char *why),
			       void *data, GError **error);

#endif
