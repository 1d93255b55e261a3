/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files of the project that subcommands read: its suite and its known issues. */
#ifndef FERRY_HOST_PROJECT_H
#define FERRY_HOST_PROJECT_H

#include "suite/settings.h"
#include "suite/suite.h"

/*
 * Loads the suite that SETTINGS name, or the project's own if they name none. Prints the suite's
 * warnings. The caller frees the suite with suite_free().
 */
struct suite *load_suite(const struct settings *settings, GError **error);

/*
 * Loads the known issues (known-issues.h) of FILES, or of the project's known-issues.cfg if FILES
 * is NULL. It is an error if one of FILES is not there. The caller unrefs the array.
 */
GPtrArray *load_known_issues(char **files, GError **error);

#endif
