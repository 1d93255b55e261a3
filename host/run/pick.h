/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Picks cases by their exact names, with the numbers of repeats, and puts them into the order of
 * the names. In this way the runner outside of a lab tells the one inside what to run, and in which
 * order.
 */
#ifndef FERRY_HOST_RUN_PICK_H
#define FERRY_HOST_RUN_PICK_H

#include "suite/test-case.h"

/*
 * Patterns, ended by NULL, with which select_cases() finds all cases that NAMES name. The caller
 * frees them with g_strfreev().
 */
char **pick_patterns(char **names);

/*
 * Those of CASES that NAMES name, in that order; the others are freed. Frees CASES. NULL and ERROR
 * if a name names none.
 */
GPtrArray *pick_cases(GPtrArray *cases, char **names, GError **error);

#endif
