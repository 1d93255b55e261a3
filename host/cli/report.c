// SPDX-License-Identifier: GPL-2.0-or-later
/* `ferry report`: shows what happened in a run, by what --json has written of it. */
#include <stdio.h>

#include "cli/command.h"
#include "report/page.h"
#include "report/results-file.h"
#include "util/text.h"

static struct {
	char *output;
	char **files;
} options;

static const GOptionEntry entries[] = {
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output,
	  "The page to write; - is standard output (default: FILE with .html in place of .json)",
	  "PAGE" },
	{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.files, NULL, "FILE" },
	{ 0 },
};

static void add(void *data, const struct result *result)
{
	page_add(data, result);
}

/* "results.json" becomes "results.html". */
static char *default_output(const char *file)
{
	g_autofree char *stem = g_str_has_suffix(file, ".json") ? g_strndup(file, strlen(file) - 5)
								: g_strdup(file);

	return g_strconcat(stem, ".html", NULL);
}

/* Returns an exit status. */
static int write_page(const char *output, const char *text)
{
	g_autoptr(GError) error = NULL;

	if (g_str_equal(output, "-")) {
		fputs(text, stdout);
		if (fflush(stdout) || ferror(stdout))
			return usage_error("cannot write to standard output");
		return EXIT_ALL_PASSED;
	}
	if (!g_file_set_contents(output, text, -1, &error))
		return usage_error("%s", error->message);
	printf("%s: open it in a browser\n", output);
	return EXIT_ALL_PASSED;
}

static int show(const char *file)
{
	g_autofree char *name = g_path_get_basename(file);
	g_autofree char *output = options.output ? g_strdup(options.output) : default_output(file);
	struct page *page = page_new(name);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	if (results_file_read(file, add, page, &error))
		text = page_text(page);
	page_free(page);
	if (error)
		return usage_error("%s", error->message);
	return write_page(output, text);
}

static int report(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;

	g_option_context_set_summary(
		context,
		"Makes a page of a results file, which 'ferry run --json FILE' wrote: what failed,\n"
		"the matrix of cases, and of each case what happened when. The page is one HTML\n"
		"file that needs nothing else. Exit status: 0, or 2 if it cannot be made.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return usage_error("%s", error->message);
	if (!options.files || g_strv_length(options.files) != 1)
		return usage_error("name one results file; see 'ferry report --help'");
	return show(options.files[0]);
}

const struct command report_command = {
	.name = "report",
	.about = "show what happened in a run, as a page for a browser",
	.run = report,
};
