// SPDX-License-Identifier: GPL-2.0-or-later
/* `ferry results`: adds up what `ferry run --json FILE` has written in one or several runs. */
#include <stdio.h>

#include "cli/command.h"
#include "report/counts.h"
#include "report/results-file.h"
#include "run/durations-table.h"
#include "util/paths.h"
#include "util/text.h"

static struct {
	gboolean durations;
	char **files;
} options;

static const GOptionEntry entries[] = {
	{ "durations", 0, 0, G_OPTION_ARG_NONE, &options.durations,
	  "Print durations.cfg with the medians of what the cases took", NULL },
	{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.files, NULL, "FILE..." },
	{ 0 },
};

struct sum {
	struct counts counts;
	GString *red; /* lines about red cases */
};

static void add_up(void *data, const struct result *result)
{
	struct sum *sum = data;
	g_autofree char *place = result_place(result, "local");

	counts_add(&sum->counts, result);
	if (!verdict_is_red(result->verdict))
		return;
	g_string_append_printf(sum->red, "%-5s %s%s: %s\n", verdict_name(result->verdict),
			       result->test_case->name, place,
			       result->reason ? result->reason : "no reason given");
	if (result->logdir)
		g_string_append_printf(sum->red, "      logs in %s\n", result->logdir);
}

/* Reads all files. FALSE if one cannot be read, which the user was told. */
static gboolean read_all(void (*each)(void *data, const struct result *result), void *data)
{
	for (char **file = options.files; *file; file++) {
		g_autoptr(GError) error = NULL;

		if (results_file_read(*file, each, data, &error))
			continue;
		usage_error("%s", error->message);
		return FALSE;
	}
	return TRUE;
}

static int print_sum(void)
{
	g_autoptr(GString) red = g_string_new(NULL);
	struct sum sum = { .red = red };
	g_autofree char *text = NULL;
	guint files = g_strv_length(options.files);

	if (!read_all(add_up, &sum))
		return EXIT_USAGE;
	text = counts_text(&sum.counts, 0);
	printf("%s%u file%s of results\n%s\n", red->str, files, files == 1 ? "" : "s", text);
	return counts_red(&sum.counts) ? EXIT_SOME_FAILED : EXIT_ALL_PASSED;
}

/* With other parameters KVM may be much slower, and the table is of KVM as it is. */
static void add_duration(void *data, const struct result *result)
{
	if (result->environment->kvm)
		return;
	durations_table_add(data, result);
}

static int print_durations(void)
{
	g_autofree char *path = source_path("durations.cfg"), *before = NULL, *after = NULL;
	g_autoptr(GError) error = NULL;
	struct durations_table *table;
	gboolean complete;

	if (!g_file_get_contents(path, &before, NULL, &error))
		return usage_error("%s", error->message);
	table = durations_table_new(before);
	complete = read_all(add_duration, table);
	after = durations_table_end(table);
	if (!complete)
		return EXIT_USAGE;
	fputs(after, stdout);
	return EXIT_ALL_PASSED;
}

static int results(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	int status;

	g_option_context_set_summary(
		context, "Adds up the results in FILEs, which 'ferry run --json FILE' wrote, and\n"
			 "lists what was red. Exit status: 0 nothing was red, 1 something was.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return usage_error("%s", error->message);
	if (!options.files)
		return usage_error("no FILE is named; see 'ferry results --help'");
	status = options.durations ? print_durations() : print_sum();
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	return usage_error("cannot write to standard output");
}

const struct command results_command = {
	.name = "results",
	.about = "add up the results of several runs",
	.run = results,
};
