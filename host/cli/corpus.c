// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `ferry corpus`: breaks KVM and QEMU in known ways, tells whether that is noticed
 * (corpus-check.c), and measures which cases notice it (corpus-matrix.c).
 */
#include <stdio.h>

#include "cli/command.h"
#include "cli/corpus-bug.h"
#include "cli/corpus-check.h"
#include "cli/corpus-matrix.h"
#include "cli/corpus-run.h"
#include "cli/corpus-score.h"
#include "cli/project.h"
#include "util/interrupt.h"
#include "util/paths.h"

#define DEFAULT_PLANS	"none,precopy"
#define DEFAULT_PERCENT 90
#define DEFAULT_MINUTES 10
#define DEFAULT_JOBS	2

static struct {
	char *logdir, *plans, *cases, *matrix, *output, *verdicts;
	int moves, passes, jobs, percent, minutes;
	gint64 seed;
	gboolean heads, only_new, unpatched;
	char **words;
} options;

static const GOptionEntry entries[] = {
	{ "passes", 0, 0, G_OPTION_ARG_INT, &options.passes,
	  "run: first run the cases N times with nothing patched (default: 1)", "N" },
	{ "new", 0, 0, G_OPTION_ARG_NONE, &options.only_new,
	  "run: only patches that were not tried as they are now", NULL },
	{ "unpatched", 0, 0, G_OPTION_ARG_NONE, &options.unpatched,
	  "run: only the passes with nothing patched, in which each failure is a false alarm",
	  NULL },
	{ "moves", 0, 0, G_OPTION_ARG_INT, &options.moves,
	  "How many migrations plan storm makes at least (default: " G_STRINGIFY(DEFAULT_MOVES) ")",
	  "N" },
	{ "seed", 0, 0, G_OPTION_ARG_INT64, &options.seed,
	  "Make the random choices of the run that printed this seed", "N" },
	{ "logdir", 0, 0, G_OPTION_ARG_FILENAME, &options.logdir,
	  "Where logs go (default: build/corpus; of an installed ferry ~/.local/state/ferry/corpus)",
	  "DIR" },
	{ "jobs", 'j', 0, G_OPTION_ARG_INT, &options.jobs,
	  "matrix: N labs at the same time; quick: CPUs that the set is for (default: 2)", "N" },
	{ "plan", 0, 0, G_OPTION_ARG_STRING, &options.plans,
	  "matrix: measure the cases of these plans (default: " DEFAULT_PLANS ")", "LIST" },
	{ "cases", 0, 0, G_OPTION_ARG_STRING, &options.cases,
	  "matrix: measure only these, patterns as for 'ferry run', e.g. 'svm_*_up,vmx_*_up/none'",
	  "LIST" },
	{ "matrix", 0, 0, G_OPTION_ARG_FILENAME, &options.matrix,
	  "The file that matrix writes and quick and score read (default: corpus/matrix)", "FILE" },
	{ "verdicts", 0, 0, G_OPTION_ARG_FILENAME, &options.verdicts,
	  "The file in which run keeps what it finds, and which score reads (default: corpus/verdicts; of an installed ferry ~/.local/state/ferry/verdicts)",
	  "FILE" },
	{ "output", 0, 0, G_OPTION_ARG_FILENAME, &options.output,
	  "quick, score: the file to write (default: corpus/quick, docs/corpus.md)", "FILE" },
	{ "percent", 0, 0, G_OPTION_ARG_INT, &options.percent,
	  "quick: the percentage of what all cases notice that the set must notice (default: " G_STRINGIFY(
		  DEFAULT_PERCENT) ")",
	  "N" },
	{ "minutes", 0, 0, G_OPTION_ARG_INT, &options.minutes,
	  "quick: how long the set may take (default: " G_STRINGIFY(DEFAULT_MINUTES) ")", "N" },
	{ "heads", 0, 0, G_OPTION_ARG_NONE, &options.heads,
	  "quick: where nothing was measured, count what the heads of patches say", NULL },
	{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.words, NULL,
	  "COMMAND [PATTERN...]" },
	{ 0 },
};

static int list(struct corpus *corpus, GPtrArray *bugs)
{
	for (guint i = 0; i < bugs->len; i++) {
		const struct bug *bug = bugs->pdata[i];
		g_autofree char *cases = g_strjoinv(" ", bug->cases);
		g_autofree char *tests = g_strjoinv(" ", bug->tests);

		printf("%s\n    breaks: %s\n    noticed by: %s\n    caught by: %s in %s\n",
		       bug->name, bug->breaks, bug->noticed, tests, cases);
		if (bug->missed)
			printf("    missed because %s\n", bug->missed);
	}
	return EXIT_ALL_PASSED;
}

/*
 * The path of the verdicts, which the caller frees. An installed ferry has no source tree to keep
 * them in.
 */
static char *verdicts_path(void)
{
	g_autofree char *folder = NULL;
	char *path;

	if (options.verdicts)
		return g_strdup(options.verdicts);
	if (!paths_installed())
		return source_path("corpus/verdicts");
	path = output_path("verdicts");
	folder = g_path_get_dirname(path);
	g_mkdir_with_parents(folder, 0755);
	return path;
}

static int run(struct corpus *corpus, GPtrArray *bugs)
{
	g_autofree char *path = verdicts_path();
	const struct check_options wanted = {
		.passes = options.passes,
		.verdicts = path,
		.only_new = options.only_new,
		.unpatched = options.unpatched,
	};

	corpus->jobs = 1;
	return corpus_check(corpus, bugs, &wanted);
}

static int matrix(struct corpus *corpus, GPtrArray *bugs)
{
	g_auto(GStrv) plans = g_strsplit(options.plans ?: DEFAULT_PLANS, ",", -1);
	g_auto(GStrv) cases = options.cases ? g_strsplit(options.cases, ",", -1) : NULL;
	g_autofree char *path = source_path("corpus/matrix");
	const struct matrix_options wanted = {
		.path = options.matrix ?: path,
		.plans = plans,
		.cases = cases,
	};

	corpus->jobs = options.jobs;
	return corpus_matrix(corpus, bugs, &wanted);
}

static int quick(struct corpus *corpus, GPtrArray *bugs)
{
	g_autofree char *matrix_path = source_path("corpus/matrix");
	g_autofree char *path = source_path("corpus/quick");

	const struct quick_options wanted = {
		.matrix_path = options.matrix ?: matrix_path,
		.path = options.output ?: path,
		.percent = options.percent,
		.minutes = options.minutes,
		.jobs = options.jobs,
		.heads = options.heads,
	};

	return corpus_quick(corpus, bugs, &wanted);
}

static int score(struct corpus *corpus, GPtrArray *bugs)
{
	g_autofree char *verdicts = verdicts_path();
	g_autofree char *matrix_path = source_path("corpus/matrix");
	g_autofree char *path = source_path("docs/corpus.md");
	const struct score_options wanted = {
		.verdicts = verdicts,
		.matrix = options.matrix ?: matrix_path,
		.output = options.output ?: path,
	};

	if (options.words[1])
		return usage_error("'ferry corpus score' is about all patches; leave '%s' out",
				   options.words[1]);
	return corpus_score(bugs, &wanted);
}

/* The words after `ferry corpus`. */
static const struct {
	const char *name, *about;
	gboolean runs_cases;	/* it needs the suite */
	gboolean needs_sources; /* it hashes the programs' sources, and writes beside them */
	int (*carry_out)(struct corpus *corpus, GPtrArray *bugs);
} commands[] = {
	{ "list", "what patches there are", FALSE, FALSE, list },
	{ "run", "is each patch noticed by the cases that it names?", TRUE, FALSE, run },
	{ "matrix", "which cases notice which patch, and how soon? (into corpus/matrix)", TRUE,
	  TRUE, matrix },
	{ "quick", "compute the quick set from the matrix (into corpus/quick)", TRUE, TRUE, quick },
	{ "score", "how many are caught, which are missed and why? (into docs/corpus.md)", FALSE,
	  TRUE, score },
};

/* Makes what is needed to run cases, and calls CARRY_OUT. Returns an enum exit_status. */
static int open_and_run(int (*carry_out)(struct corpus *corpus, GPtrArray *bugs), GPtrArray *bugs)
{
	g_autoptr(GError) error = NULL;
	struct corpus corpus = {
		.wanted = default_settings,
		.logdir = options.logdir,
	};
	int status;

	corpus.wanted.seed = options.seed < 0 ? g_random_int() : (guint32)options.seed;
	corpus.wanted.moves = options.moves;
	corpus.settings.wanted = &corpus.wanted;
	interrupt_watch();
	corpus.suite = load_suite(&default_settings, &error);
	if (corpus.suite)
		corpus.known_issues = load_known_issues(NULL, &error);
	if (!corpus.known_issues)
		return usage_error("%s", error->message);
	corpus.environment = g_new0(struct environment, 1);
	corpus.settings.environment = corpus.environment;
	status = carry_out(&corpus, bugs);
	g_ptr_array_unref(corpus.known_issues);
	environment_free(corpus.environment);
	suite_free(corpus.suite);
	return status;
}

static gboolean parse(int argc, char **argv, GError **error)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GString) description = g_string_new("COMMAND is one of\n");

	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
		g_string_append_printf(description, "  %-8s  %s\n", commands[i].name,
				       commands[i].about);
	g_string_append(description, "PATTERN is a glob over the names of patches.\n");
	options.moves = DEFAULT_MOVES;
	options.passes = 1;
	options.seed = -1;
	options.jobs = DEFAULT_JOBS;
	options.percent = DEFAULT_PERCENT;
	options.minutes = DEFAULT_MINUTES;
	g_option_context_set_summary(
		context, "Breaks KVM and QEMU in known ways, and tells whether it is noticed.");
	g_option_context_set_description(context, description->str);
	g_option_context_add_main_entries(context, entries, NULL);
	return g_option_context_parse(context, &argc, &argv, error);
}

static const char *wrong_number(void)
{
	if (options.moves < 1 || options.passes < 0)
		return "--moves is 1 or more, --passes 0 or more";
	if (options.unpatched && !options.passes)
		return "--unpatched with --passes 0 would run nothing";
	if (options.jobs < 1 || options.minutes < 1)
		return "--jobs and --minutes are 1 or more";
	return options.percent < 1 || options.percent > 100 ? "--percent is 1 to 100" : NULL;
}

static int corpus(int argc, char **argv)
{
	g_autoptr(GPtrArray) bugs = NULL;
	g_autoptr(GError) error = NULL;

	if (!parse(argc, argv, &error))
		return usage_error("%s", error->message);
	if (wrong_number())
		return usage_error("%s", wrong_number());
	if (!options.logdir)
		options.logdir = output_path("corpus");
	for (gsize i = 0; options.words && i < G_N_ELEMENTS(commands); i++) {
		if (!g_str_equal(commands[i].name, options.words[0]))
			continue;
		if (commands[i].needs_sources && paths_installed())
			return usage_error(
				"'ferry corpus %s' needs the sources, and this ferry is installed; use that of a checkout",
				commands[i].name);
		bugs = bugs_read(options.words + 1, &error);
		if (!bugs)
			return usage_error("%s", error->message);
		return commands[i].runs_cases ? open_and_run(commands[i].carry_out, bugs)
					      : commands[i].carry_out(NULL, bugs);
	}
	return usage_error("say 'ferry corpus list', 'run', 'matrix', 'quick' or 'score'");
}

const struct command corpus_command = {
	.name = "corpus",
	.about = "break KVM and QEMU in known ways, and see whether it is noticed",
	.run = corpus,
};
