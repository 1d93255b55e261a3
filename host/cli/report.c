// SPDX-License-Identifier: GPL-2.0-or-later
/* `ferry report`: shows what happened in a run, by what --json has written of it. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/corpus-bug.h"
#include "cli/corpus-page.h"
#include "cli/corpus-verdicts.h"
#include "report/command.h"
#include "report/digest.h"
#include "report/page.h"
#include "report/results-file.h"
#include "util/paths.h"
#include "util/text.h"
#include "vmm/vmm.h"

static struct {
	char *output;
	gboolean text, markdown, corpus;
	char **files;
} options;

static const GOptionEntry entries[] = {
	{ "output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output,
	  "Where to write it; - is standard output (default: for a page the last file, with .html in place of .json, or corpus.html)",
	  "FILE" },
	{ "text", 0, 0, G_OPTION_ARG_NONE, &options.text,
	  "Write plain text for a bug report instead of a page, to standard output", NULL },
	{ "markdown", 0, 0, G_OPTION_ARG_NONE, &options.markdown, "The same as Markdown", NULL },
	{ "corpus", 0, 0, G_OPTION_ARG_NONE, &options.corpus,
	  "A page of the KVMs and QEMUs that are broken on purpose: which cases notice them, by RESULTS, which 'ferry corpus matrix' wrote (default: corpus/matrix), and by corpus/verdicts",
	  NULL },
	{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.files, NULL,
	  "[BEFORE] RESULTS" },
	{ 0 },
};

/* "results.json" becomes "results.html". */
static char *page_name(const char *file)
{
	g_autofree char *stem = g_str_has_suffix(file, ".json") ? g_strndup(file, strlen(file) - 5)
								: g_strdup(file);

	return g_strconcat(stem, ".html", NULL);
}

/* Returns an exit status. */
static int write_output(const char *output, const char *text)
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
	printf("%s is written\n", output);
	return EXIT_ALL_PASSED;
}

/* ---- text ---- */

static void add_to_digest(void *data, const struct result *result)
{
	digest_add(data, result);
}

static void add_not_run_to_digest(void *data, const char *name, const char *why)
{
	digest_add_not_run(data, name, why);
}

static char *make_digest(const char *file, GError **error)
{
	struct digest *digest = digest_new(options.markdown);
	char *text = NULL;

	if (results_file_read_all(file, add_to_digest, add_not_run_to_digest, digest, error))
		text = digest_text(digest);
	digest_free(digest);
	return text;
}

/* ---- a page ---- */

struct runs {
	struct page *page;
	struct comparison *comparison; /* with an earlier run; NULL: there is none */
};

static void add_before(void *data, const struct result *result)
{
	struct runs *runs = data;

	comparison_add(runs->comparison, BEFORE, result);
	page_add_before(runs->page, result);
}

static void add_now(void *data, const struct result *result)
{
	struct runs *runs = data;

	if (runs->comparison)
		comparison_add(runs->comparison, AFTER, result);
	page_add(runs->page, result);
}

static void add_not_run(void *data, const char *name, const char *why)
{
	struct runs *runs = data;

	page_add_not_run(runs->page, name, why);
}

/* BEFORE may be NULL. */
static char *make_page(const char *before, const char *now, GError **error)
{
	g_autofree char *name = g_path_get_basename(now);
	g_autofree char *title = before ? g_strdup_printf("%s, compared with %s", now, before)
					: g_steal_pointer(&name);
	struct runs runs = { .page = page_new(title) };
	char *text = NULL;

	if (before)
		runs.comparison = comparison_new();
	if ((!before || results_file_read(before, add_before, &runs, error)) &&
	    results_file_read_all(now, add_now, add_not_run, &runs, error)) {
		if (before)
			page_add_changes(runs.page, comparison_decide(runs.comparison));
		text = page_text(runs.page);
	}
	if (before)
		comparison_free(runs.comparison);
	page_free(runs.page);
	return text;
}

/* ---- the corpus ---- */

/* Returns an exit status. FILE is the matrix (NULL: corpus/matrix). */
static int show_corpus(const char *file)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *path = file ? g_strdup(file) : source_path("corpus/matrix");
	gboolean is_there = file || g_file_test(path, G_FILE_TEST_EXISTS);
	g_autoptr(GPtrArray) bugs = bugs_read(NULL, &error);
	g_autofree char *verdicts_path = source_path("corpus/verdicts");
	g_autoptr(GPtrArray) verdicts = verdicts_read(verdicts_path, NULL);
	struct matrix *matrix = bugs ? is_there ? matrix_read(path, &error) : matrix_new() : NULL;
	g_autofree char *text = NULL;

	if (!matrix)
		return usage_error("%s", error->message);
	text = corpus_page(bugs, matrix, verdicts);
	matrix_free(matrix);
	return write_output(options.output ? options.output : "corpus.html", text);
}

static int show(char **files)
{
	guint count = g_strv_length(files);
	gboolean is_page = !options.text && !options.markdown;
	g_autofree char *output = options.output ? g_strdup(options.output)
				  : is_page	 ? page_name(files[count - 1])
						 : g_strdup("-");
	g_autoptr(GError) error = NULL;
	g_autofree char *text =
		is_page ? make_page(count == 2 ? files[0] : NULL, files[count - 1], &error)
			: make_digest(files[0], &error);

	return text ? write_output(output, text) : usage_error("%s", error->message);
}

static int report(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	guint count;

	g_option_context_set_summary(
		context,
		"Makes a page of a results file, which 'ferry run --json FILE' wrote: what failed,\n"
		"the matrix of cases, and of each case what happened when. With the results of an\n"
		"earlier run before it the page tells what changed, and shows both side by side.\n"
		"The page is one HTML file that needs nothing else.");
	g_option_context_set_description(context, "Exit status: 0, or 2 if it cannot be made.\n");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return usage_error("%s", error->message);
	count = options.files ? g_strv_length(options.files) : 0;
	command_ask_for_vmms(vmm_words);
	if (options.corpus && (count > 1 || options.text || options.markdown))
		return usage_error("--corpus makes a page of one matrix");
	if (options.corpus)
		return show_corpus(count ? options.files[0] : NULL);
	if (options.text && options.markdown)
		return usage_error("choose one of --text and --markdown");
	if (count < 1 || count > 2)
		return usage_error("name one results file, or two; see 'ferry report --help'");
	if (count > 1 && (options.text || options.markdown))
		return usage_error(
			"--text and --markdown take one results file; 'ferry compare' prints what changed");
	return show(options.files);
}

const struct command report_command = {
	.name = "report",
	.about = "show what happened in a run, as a page for a browser or as text",
	.run = report,
};
