/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `ferry run --rerun FILE`: what was red in an earlier run, or did not run. */
#ifndef FERRY_HOST_RERUN_H
#define FERRY_HOST_RERUN_H

#include <glib.h>

/* What to run: names of cases, and all their plans. Both are empty if all ran and none was red. */
struct rerun {
	char **patterns; /* "program/plan" */
	char **plans;	 /* plans with options are no program's own, so all have to be named */
};

/*
 * Reads which cases of the results file PATH were red (FAIL, ERROR or FLAKY), and which of its
 * cases did not run. Each case is named once. FALSE and ERROR if PATH cannot be read or is no file
 * of results. The caller calls rerun_clear() in any case.
 */
gboolean rerun_read(struct rerun *rerun, const char *path, GError **error);
void rerun_clear(struct rerun *rerun);

#endif
