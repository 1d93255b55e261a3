// SPDX-License-Identifier: GPL-2.0-or-later
/* `ferry compare`: tells what changed between two runs, from the results that --json wrote. */
#include <stdio.h>

#include "cli/command.h"
#include "report/compare.h"
#include "report/results-file.h"
#include "util/text.h"

static char **files;

static const GOptionEntry entries[] = {
	{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files, NULL, "BEFORE AFTER" },
	{ 0 },
};

static void add_before(void *data, const struct result *result)
{
	comparison_add(data, BEFORE, result);
}

static void add_after(void *data, const struct result *result)
{
	comparison_add(data, AFTER, result);
}

static int compare_files(const char *before, const char *after)
{
	struct comparison *comparison = comparison_new();
	g_autoptr(GError) error = NULL;
	guint worse = 0;

	if (results_file_read(before, add_before, comparison, &error) &&
	    results_file_read(after, add_after, comparison, &error))
		worse = comparison_print(comparison_decide(comparison), stdout);
	comparison_free(comparison);
	if (error)
		return usage_error("%s", error->message);
	if (fflush(stdout) || ferror(stdout))
		return usage_error("cannot write to standard output");
	return worse ? EXIT_SOME_FAILED : EXIT_ALL_PASSED;
}

static int compare(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;

	g_option_context_set_summary(
		context,
		"Tells which tests got worse, got better, are new or gone, or became slower,\n"
		"from one results file to another. 'ferry run --json FILE' writes them.\n"
		"Exit status: 0 none got worse, 1 some did.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return usage_error("%s", error->message);
	if (!files || g_strv_length(files) != 2)
		return usage_error(
			"name two results files, BEFORE and AFTER; see 'ferry compare --help'");
	return compare_files(files[0], files[1]);
}

const struct command compare_command = {
	.name = "compare",
	.about = "tell what got worse from one run to another",
	.run = compare,
};
