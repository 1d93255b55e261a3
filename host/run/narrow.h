/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leaves cases out that a command line names: --exclude and --group. */
#ifndef FERRY_HOST_RUN_NARROW_H
#define FERRY_HOST_RUN_NARROW_H

#include "suite/suite.h"

/*
 * Removes those of CASES, struct test_case, that match a pattern of EXCLUDE, and those whose
 * program is in none of GROUPS; both may be NULL. FALSE and ERROR if a pattern matches nothing in
 * SUITE, if no program is in a group, or if no case is left.
 */
gboolean narrow_cases(GPtrArray *cases, const struct suite *suite, char **exclude, char **groups,
		      GError **error);

#endif
