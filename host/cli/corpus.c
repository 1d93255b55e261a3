// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `ferry corpus`: known bugs, each a semantic patch to KVM, and whether the cases
 * that it names catch it. Unpatched KVM goes first: a failure there is a false
 * alarm, which is worse than a miss. corpus/README.md tells how a patch is written.
 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "lab/kinds.h"
#include "util/interrupt.h"
#include "run/schedule.h"
#include "run/select.h"
#include "util/paths.h"
#include "util/text.h"

/* Seconds: a broken KVM may have a guest wait for ever. */
#define PATCHED_TIMEOUT 240

static struct {
	char *logdir, *clock;
	int moves, passes;
	gint64 seed;
	char **patterns;
} options;

static const GOptionEntry entries[] = {
	{ "passes", 0, 0, G_OPTION_ARG_INT, &options.passes,
	  "Run the cases on unpatched KVM so often first (default: 1)", "N" },
	{ "moves", 0, 0, G_OPTION_ARG_INT, &options.moves,
	  "How often a storm moves a guest, at least", "N" },
	{ "seed", 0, 0, G_OPTION_ARG_INT64, &options.seed, "As for ferry run", "N" },
	{ "logdir", 0, 0, G_OPTION_ARG_FILENAME, &options.logdir,
	  "Where logs go (default: build/corpus)", "DIR" },
	{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.patterns, NULL,
	  "list|run [PATTERN...]" },
	{ 0 },
};

/* A patch and what its header says; see corpus/README.md. */
struct bug {
	char *name, *path;
	char *breaks;  /* one line */
	char *noticed; /* who would notice it in real life; one line */
	char **cases;  /* patterns: where it must be caught */
	char **tests;  /* globs over the tests that must catch it; the others are not run */
	char *clock;   /* of the lab that it shows in (lab/kinds.h); NULL: any */
};

static void bug_free(struct bug *bug)
{
	g_free(bug->name);
	g_free(bug->path);
	g_free(bug->breaks);
	g_free(bug->noticed);
	g_strfreev(bug->cases);
	g_strfreev(bug->tests);
	g_free(bug->clock);
	g_free(bug);
}

/* The rest of the header line "// KEY: rest", or NULL. */
static char *header_line(char **lines, const char *key)
{
	g_autofree char *prefix = g_strdup_printf("// %s: ", key);

	for (; *lines && g_str_has_prefix(*lines, "//"); lines++)
		if (g_str_has_prefix(*lines, prefix))
			return g_strstrip(g_strdup(*lines + strlen(prefix)));
	return NULL;
}

static struct bug *read_bug(const char *folder, const char *file, GError **error)
{
	struct bug *bug = g_new0(struct bug, 1);
	g_autofree char *text = NULL, *cases = NULL, *tests = NULL;
	g_auto(GStrv) lines = NULL;

	bug->name = g_strndup(file, strlen(file) - strlen(".cocci"));
	bug->path = g_build_filename(folder, file, NULL);
	if (!g_file_get_contents(bug->path, &text, NULL, error)) {
		bug_free(bug);
		return NULL;
	}
	lines = g_strsplit(text, "\n", -1);
	bug->breaks = header_line(lines, "Breaks");
	bug->noticed = header_line(lines, "Noticed by");
	bug->clock = header_line(lines, "Clock");
	cases = header_line(lines, "Cases");
	tests = header_line(lines, "Test");
	bug->tests = tests ? g_strsplit(tests, " ", -1) : NULL;
	bug->cases = cases ? g_strsplit(cases, " ", -1) : NULL;
	if (bug->breaks && bug->noticed && bug->tests && bug->cases)
		return bug;
	g_set_error(error, FERRY_ERROR, 0,
		    "%s: the header must have the lines Breaks, Noticed by, Cases and Test",
		    bug->path);
	bug_free(bug);
	return NULL;
}

static gboolean wanted(const char *name)
{
	if (!options.patterns[1])
		return TRUE;
	for (char **pattern = options.patterns + 1; *pattern; pattern++)
		if (text_glob(*pattern, name))
			return TRUE;
	return FALSE;
}

static int compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp((*(struct bug *const *)a)->name, (*(struct bug *const *)b)->name);
}

static GPtrArray *read_bugs(GError **error)
{
	GPtrArray *bugs = g_ptr_array_new_with_free_func((GDestroyNotify)bug_free);
	g_autofree char *folder = source_path("corpus/kvm");
	GDir *dir = g_dir_open(folder, 0, error);
	const char *file;

	while (dir && !*error && (file = g_dir_read_name(dir))) {
		g_autofree char *name = g_strndup(file, strcspn(file, "."));
		struct bug *bug;

		if (!g_str_has_suffix(file, ".cocci") || !wanted(name))
			continue;
		bug = read_bug(folder, file, error);
		if (bug)
			g_ptr_array_add(bugs, bug);
	}
	if (dir)
		g_dir_close(dir);
	if (!*error && !bugs->len)
		g_set_error(error, FERRY_ERROR, 0, "no patch in %s matches", folder);
	if (*error) {
		g_ptr_array_unref(bugs);
		return NULL;
	}
	g_ptr_array_sort(bugs, compare_names);
	return bugs;
}

/* ---- running ---- */

/* What the cases under one build of KVM came to. */
struct tally {
	guint passed, failed, skipped, errors;
	char *first;	 /* "hyperv_stimer/precopy: what failed" of the first that did not pass */
	char **tests;	 /* globs; NULL: none is meant */
	char *caught_by; /* the first failed test that matches */
};

static gboolean is_meant(char **globs, const char *test)
{
	for (char **glob = globs; glob && *glob; glob++)
		if (test && text_glob(*glob, test))
			return TRUE;
	return FALSE;
}

static void note_failed_tests(struct tally *tally, const struct result *result)
{
	for (guint i = 0; i < result->tests->len && !tally->caught_by; i++) {
		const struct test_result *test = result->tests->pdata[i];

		/* A known issue is not "fail" any more. */
		if (!g_strcmp0(test->verdict, "fail") && is_meant(tally->tests, test->name))
			tally->caught_by =
				g_strdup_printf("%s in %s: %s", test->name, result->test_case->name,
						test->reason ? test->reason : "");
	}
}

static void tally_ended(void *data, const struct result *result)
{
	struct tally *tally = data;

	tally->passed += result->verdict == VERDICT_PASS;
	tally->failed += result->verdict == VERDICT_FAIL;
	tally->skipped += result->verdict == VERDICT_SKIP || result->verdict == VERDICT_XFAIL;
	tally->errors += result->verdict == VERDICT_ERROR;
	if (result->verdict != VERDICT_PASS && !tally->first)
		tally->first = g_strdup_printf("%s %s: %s", verdict_name(result->verdict),
					       result->test_case->name, result->reason);
	note_failed_tests(tally, result);
}

static const struct reporter tally_reporter = {
	.ended = tally_ended,
};

static void tally_clear(struct tally *tally)
{
	g_free(tally->first);
	g_free(tally->caught_by);
	*tally = (struct tally){ 0 };
}

struct corpus {
	struct suite *suite;
	struct settings wanted;
	struct case_settings settings;
	struct environment *environment;
	GPtrArray *known_issues;
	gboolean interrupted;
};

/* The words `test=GLOB` of a guest's command line, or NULL: it runs all of its tests. */
static char **test_words(char **globs)
{
	g_autoptr(GStrvBuilder) words = g_strv_builder_new();

	for (char **glob = globs; glob && *glob; glob++) {
		g_autofree char *word = g_strconcat("test=", *glob, NULL);

		g_strv_builder_add(words, word);
	}
	return globs ? g_strv_builder_end(words) : NULL;
}

/*
 * Runs the cases of PATTERNS, each in the lab that offers what it needs, with the KVM in
 * MODULES (NULL: the lab's own); of the tests those that the tally means, or all.
 */
static gboolean run_in_labs(struct corpus *corpus, char **patterns, const char *modules,
			    const char *clock, const char *label, struct tally *tally,
			    GError **error)
{
	struct selection selection = {
		.patterns = patterns,
		.wanted = &corpus->wanted,
		.accel = "kvm",
		.host = ANY_LAB,
		.lab_clock = clock,
		.vmm = vmms[0],
	};
	g_autoptr(GPtrArray) cases = select_cases(corpus->suite, &selection, error);
	g_autofree char *logdir = g_build_filename(options.logdir, label, NULL);
	g_auto(GStrv) words = test_words(tally->tests);
	struct lab_settings lab = {
		.options = { .modules = modules },
		.wanted = &corpus->wanted,
	};
	struct reports *reports;

	if (!cases)
		return FALSE;
	reports = reports_new();
	reports_add(reports, &tally_reporter, tally);
	corpus->settings.logdir = logdir;
	corpus->wanted.args = words;
	/* A few tests never need as long as a whole program may. */
	corpus->wanted.timeout = words ? PATCHED_TIMEOUT : 0;
	corpus->interrupted =
		schedule_run(cases, &corpus->settings, &lab, corpus->known_issues, 1, reports)
			.not_run > 0;
	reports_free(reports);
	return !corpus->interrupted;
}

static gboolean build_modules(const struct bug *bug, char **folder, GError **error)
{
	g_autofree char *script = source_path("corpus/kvm/build-modules");
	g_autofree char *output = NULL;
	const char *arguments[] = { script, bug->path, NULL };
	int status;

	if (!g_spawn_sync(NULL, (char **)arguments, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output,
			  NULL, &status, error) ||
	    !g_spawn_check_wait_status(status, error))
		return FALSE;
	/* Its last line names the folder. */
	g_strchomp(output);
	*folder = g_strdup(strrchr(output, '\n') ? strrchr(output, '\n') + 1 : output);
	return TRUE;
}

/* All patterns of all bugs that show in a lab with CLOCK, each once. */
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

/* Counts what does not pass on unpatched KVM; -1 if it could not be found out. */
static int run_unpatched(struct corpus *corpus, GPtrArray *bugs, const char *clock, int pass)
{
	g_auto(GStrv) patterns = all_patterns(bugs, clock);
	g_autofree char *label = g_strdup_printf("unpatched-%s-%d", clock ? clock : "any", pass);
	g_autoptr(GError) error = NULL;
	struct tally tally = { 0 };
	int alarms;

	if (!*patterns)
		return 0;
	if (!run_in_labs(corpus, patterns, NULL, clock, label, &tally, &error)) {
		if (error)
			usage_error("%s", error->message);
		return -1;
	}
	alarms = tally.failed + tally.errors;
	printf("%-12s unpatched KVM, pass %d%s%s: %u passed, %u failed, %u skipped%s%s\n",
	       alarms ? "FALSE ALARM" : "clean", pass, clock ? ", clock " : "", clock ? clock : "",
	       tally.passed, alarms, tally.skipped, alarms ? "\n             " : "",
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

	if (!build_modules(bug, &modules, &error)) {
		printf("%-12s %s: cannot be built: %s\n", "NOT BUILT", bug->name, error->message);
		return FALSE;
	}
	if (!run_in_labs(corpus, bug->cases, modules, bug->clock, bug->name, &tally, &error)) {
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
		.settings = { .vmm = vmms[0] },
	};
	int alarms = 0;
	guint caught = 0;

	corpus.wanted.seed = options.seed < 0 ? g_random_int() : (guint32)options.seed;
	corpus.wanted.moves = options.moves;
	corpus.settings.wanted = &corpus.wanted;
	interrupt_watch();
	corpus.suite = load_suite(NULL, NULL, &error);
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
	bugs = read_bugs(&error);
	if (!bugs)
		return usage_error("%s", error->message);
	return g_str_equal(options.patterns[0], "list") ? list_corpus(bugs) : run_corpus(bugs);
}

const struct command corpus_command = {
	.name = "corpus",
	.about = "break KVM in known ways, and see whether it is noticed",
	.run = corpus,
};
