/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which cases a command line of `ferry run` or `ferry list` means: the quick set, and --budget. */
#ifndef FERRY_HOST_RUN_CASES_H
#define FERRY_HOST_RUN_CASES_H

#include "cli/run-options.h"
#include "run/durations.h"
#include "suite/suite.h"

/*
 * PATTERNS with the cases of corpus/quick in place of the word `quick`, which has no meaning in
 * another project's suite. PLANS were named by the user, or are NULL. The caller frees the array
 * with g_strfreev(). NULL and ERROR if the quick set cannot be read.
 */
char **expand_quick(char **patterns, char **plans, const struct suite *suite, GError **error);

/* The patterns of a `ferry run`. Without any it means the quick set, unless other options choose.
 */
char **run_patterns(const struct run_options *options, const struct suite *suite, GError **error);

/*
 * Removes those of CASES for which --budget has no time, and tells what is left. Does nothing
 * without --budget. FALSE and ERROR if the matrix of the corpus cannot be read.
 */
gboolean keep_to_budget(GPtrArray *cases, const struct run_options *options,
			struct durations *durations, GError **error);

#endif
