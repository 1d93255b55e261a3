// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `ferry corpus`: breaks KVM in known ways, and tells whether the cases that each patch names
 * notice it. Unpatched KVM goes first: a failure there is a false alarm, which is worse than a
 * miss.
 */
#include <stdio.h>

#include "cli/command.h"
#include "cli/corpus-bug.h"
#include "cli/corpus-run.h"
#include "cli/project.h"
#include "lab/kinds.h"
#include "util/interrupt.h"
#include "util/paths.h"

static struct {
	char *logdir;
	int moves, passes;
	gint64 seed;
	char **patterns;
} options;

static const GOptionEntry entries[] = {
	{ "passes", 0, 0, G_OPTION_ARG_INT, &options.passes,
	  "Run the cases on unpatched KVM N times first (default: 1)", "N" },
	{ "moves", 0, 0, G_OPTION_ARG_INT, &options.moves,
	  "How many migrations plan storm makes at least (default: " G_STRINGIFY(DEFAULT_MOVES) ")",
	  "N" },
	{ "seed", 0, 0, G_OPTION_ARG_INT64, &options.seed,
	  "Make the random choices of the run that printed this seed", "N" },
	{ "logdir", 0, 0, G_OPTION_ARG_FILENAME, &options.logdir,
	  "Where logs go (default: build/corpus)", "DIR" },
	{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.patterns, NULL,
	  "list|run [PATTERN...]" },
	{ 0 },
};

/* All patterns of all bugs that show in a lab with CLOCK, without repetitions. */
static char **all_patterns(GPtrArray *bugs, const char *clock)
{
	GPtrArray *patterns = g_ptr_array_new();

	for (guint i = 0; i < bugs->len; i++) {
		const struct bug *bug = bugs->pdata[i];

		if (g_strcmp0(bug->clock, clock))
			continue;
		for (char **pattern = bug->cases; *pattern; pattern++)
			if (!g_ptr_array_find_with_equal_func(patterns, *pattern, g_str_equal,
							      NULL))
				g_ptr_array_add(patterns, g_strdup(*pattern));
	}
	g_ptr_array_add(patterns, NULL);
	return (char **)g_ptr_array_free(patterns, FALSE);
}

/* Returns how many cases fail on unpatched KVM, or -1 if they could not be run. */
static int run_unpatched(struct corpus *corpus, GPtrArray *bugs, const char *clock, int pass)
{
	g_auto(GStrv) patterns = all_patterns(bugs, clock);
	g_autofree char *label = g_strdup_printf("unpatched-%s-%d", clock ? clock : "any", pass);
	g_autoptr(GError) error = NULL;
	struct tally tally = { 0 };
	int alarms;

	if (!*patterns)
		return 0;
	if (!corpus_run_cases(corpus, patterns, NULL, clock, label, &tally, &error)) {
		if (error)
			usage_error("%s", error->message);
		return -1;
	}
	alarms = tally.failed + tally.errors;
	printf("%-12s unpatched KVM, pass %d%s%s: %u passed, %u failed, %u as known, %u skipped%s%s\n",
	       alarms ? "FALSE ALARM" : "clean", pass, clock ? ", clock " : "", clock ? clock : "",
	       tally.passed, alarms, tally.known, tally.skipped, alarms ? "\n             " : "",
	       alarms ? tally.first : "");
	fflush(stdout);
	tally_clear(&tally);
	return alarms;
}

static int run_unpatched_with_each_clock(struct corpus *corpus, GPtrArray *bugs, int pass)
{
	int alarms = run_unpatched(corpus, bugs, NULL, pass);

	for (const char *const *clock = lab_clocks(); *clock && alarms >= 0; clock++) {
		int found = corpus->interrupted ? 0 : run_unpatched(corpus, bugs, *clock, pass);

		alarms = found < 0 ? found : alarms + found;
	}
	return alarms;
}

/* TRUE if the bug was caught by the test that must catch it. */
static gboolean run_bug(struct corpus *corpus, const struct bug *bug)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *modules = NULL;
	struct tally tally = { .tests = bug->tests };
	gboolean caught;

	modules = bug_build(bug, &error);
	if (!modules) {
		printf("%-12s %s: cannot be built: %s\n", "NOT BUILT", bug->name, error->message);
		return FALSE;
	}
	if (!corpus_run_cases(corpus, bug->cases, modules, bug->clock, bug->name, &tally, &error)) {
		if (error)
			usage_error("%s", error->message);
		return FALSE;
	}
	caught = tally.caught_by != NULL;
	if (caught)
		printf("%-12s %s, by %s\n", "caught", bug->name, tally.caught_by);
	else if (tally.errors && !tally.failed && !tally.passed)
		printf("%-12s %s: %s\n", "BROKE KERNEL", bug->name, tally.first);
	else
		printf("%-12s %s (%s): %u passed, %u failed, %u errors%s%s\n", "MISSED", bug->name,
		       bug->breaks, tally.passed, tally.failed, tally.errors,
		       tally.first ? "; " : "", tally.first ? tally.first : "");
	fflush(stdout);
	tally_clear(&tally);
	return caught;
}

static int run_corpus(GPtrArray *bugs)
{
	g_autoptr(GError) error = NULL;
	struct corpus corpus = {
		.wanted = default_settings,
		.logdir = options.logdir,
		.settings = { .vmm = vmms[0] },
	};
	int alarms = 0;
	guint caught = 0;

	corpus.wanted.seed = options.seed < 0 ? g_random_int() : (guint32)options.seed;
	corpus.wanted.moves = options.moves;
	corpus.settings.wanted = &corpus.wanted;
	interrupt_watch();
	corpus.suite = load_suite(&default_settings, &error);
	if (corpus.suite)
		corpus.known_issues = load_known_issues(&error);
	if (!corpus.known_issues)
		return usage_error("%s", error->message);
	corpus.environment = g_new0(struct environment, 1);
	corpus.settings.environment = corpus.environment;
	for (int pass = 1; pass <= options.passes && !corpus.interrupted; pass++) {
		int found = run_unpatched_with_each_clock(&corpus, bugs, pass);

		if (found < 0)
			return corpus.interrupted ? EXIT_INTERRUPTED : EXIT_USAGE;
		alarms += found;
	}
	for (guint i = 0; i < bugs->len && !corpus.interrupted; i++)
		caught += run_bug(&corpus, bugs->pdata[i]);
	printf("%u of %u caught, %d false alarms; seed %u\n", caught, bugs->len, alarms,
	       (guint32)corpus.wanted.seed);
	g_ptr_array_unref(corpus.known_issues);
	environment_free(corpus.environment);
	suite_free(corpus.suite);
	if (corpus.interrupted)
		return EXIT_INTERRUPTED;
	return caught == bugs->len && !alarms ? EXIT_ALL_PASSED : EXIT_SOME_FAILED;
}

static int list_corpus(GPtrArray *bugs)
{
	for (guint i = 0; i < bugs->len; i++) {
		const struct bug *bug = bugs->pdata[i];
		g_autofree char *cases = g_strjoinv(" ", bug->cases);
		g_autofree char *tests = g_strjoinv(" ", bug->tests);

		printf("%s\n    breaks: %s\n    noticed by: %s\n    caught by: %s in %s\n",
		       bug->name, bug->breaks, bug->noticed, tests, cases);
	}
	return EXIT_ALL_PASSED;
}

static int corpus(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GPtrArray) bugs = NULL;
	g_autoptr(GError) error = NULL;

	options.moves = DEFAULT_MOVES;
	options.passes = 1;
	options.seed = -1;
	g_option_context_set_summary(context,
				     "Breaks KVM in known ways, and tells whether it is noticed.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		return usage_error("%s", error->message);
	if (!options.patterns ||
	    (!g_str_equal(options.patterns[0], "list") && !g_str_equal(options.patterns[0], "run")))
		return usage_error("say 'ferry corpus list' or 'ferry corpus run'");
	if (options.moves < 1 || options.passes < 0)
		return usage_error("--moves is 1 or more, --passes 0 or more");
	if (!options.logdir)
		options.logdir = build_path("corpus");
	bugs = bugs_read(options.patterns + 1, &error);
	if (!bugs)
		return usage_error("%s", error->message);
	return g_str_equal(options.patterns[0], "list") ? list_corpus(bugs) : run_corpus(bugs);
}

const struct command corpus_command = {
	.name = "corpus",
	.about = "break KVM in known ways, and see whether it is noticed",
	.run = corpus,
};
