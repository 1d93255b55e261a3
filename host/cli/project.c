// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads the project's files. See project.h. */
#include <stdio.h>

#include "cli/project.h"
#include "run/known-issues.h"
#include "util/paths.h"

struct suite *load_suite(const struct settings *settings, GError **error)
{
	gboolean ours = !settings->suite;
	g_autofree char *path = ours ? source_path("unittests.cfg") : g_strdup(settings->suite);
	g_autofree char *bindir = NULL;
	struct suite *suite;

	if (settings->bindir)
		bindir = g_strdup(settings->bindir);
	else
		bindir = ours ? build_path("x86") : g_path_get_dirname(path);
	suite = suite_load(path, bindir, !ours, error);
	if (suite && suite->warnings)
		fprintf(stderr, "%s\n", suite->warnings);
	return suite;
}

GPtrArray *load_known_issues(GError **error)
{
	g_autofree char *path = source_path("known-issues.cfg");

	return known_issues_load(path, error);
}
