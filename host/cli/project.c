// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads the project's files. See project.h. */
#include <stdio.h>

#include "cli/project.h"
#include "run/known-issues.h"
#include "util/paths.h"
#include "util/text.h"

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

/* Adds the issues in PATH to ISSUES. */
static gboolean add_known_issues(GPtrArray *issues, const char *path, GError **error)
{
	GPtrArray *more;

	if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
		g_set_error(error, FERRY_ERROR, 0,
			    "--known-issues: there is no file '%s'; name one, or say none", path);
		return FALSE;
	}
	more = known_issues_load(path, error);
	if (!more)
		return FALSE;
	/* This takes over what MORE holds. */
	g_ptr_array_extend_and_steal(issues, more);
	return TRUE;
}

GPtrArray *load_known_issues(char **files, GError **error)
{
	g_autofree char *path = source_path("known-issues.cfg");
	GPtrArray *issues;

	if (!files)
		return known_issues_load(path, error);
	issues = known_issues_new();
	for (char **file = files; *file; file++)
		if (!g_str_equal(*file, NO_KNOWN_ISSUES) &&
		    !add_known_issues(issues, *file, error)) {
			g_ptr_array_unref(issues);
			return NULL;
		}
	return issues;
}
