// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `ferry corpus run`. What is unpatched goes first: a failure there is a false alarm, which is
 * worse than a miss.
 */
#include <stdio.h>

#include "cli/command.h"
#include "cli/corpus-build.h"
#include "cli/corpus-cases.h"
#include "cli/corpus-check.h"

/* Do the cases of both run on the same host with the same kind of build? */
static gboolean same_place(const struct bug *a, const struct bug *b)
{
	return a->kind == b->kind && !g_strcmp0(a->host, b->host) &&
	       !g_strcmp0(a->accel, b->accel) && !g_strcmp0(a->clock, b->clock) &&
	       !g_strcmp0(a->kvm, b->kvm) && !g_strcmp0(a->plan, b->plan);
}

/* All patterns of all bugs that show in the same place as LIKE, without repetitions. */
static char **all_patterns(GPtrArray *bugs, const struct bug *like)
{
	GPtrArray *patterns = g_ptr_array_new();

	for (guint i = 0; i < bugs->len; i++) {
		const struct bug *bug = bugs->pdata[i];

		if (!same_place(bug, like))
			continue;
		for (char **pattern = bug->cases; *pattern; pattern++)
			if (!g_ptr_array_find_with_equal_func(patterns, *pattern, g_str_equal,
							      NULL))
				g_ptr_array_add(patterns, g_strdup(*pattern));
	}
	g_ptr_array_add(patterns, NULL);
	return (char **)g_ptr_array_free(patterns, FALSE);
}

/* ", host amd, clock hpet": what the head of BUG says of the place. The caller frees it. */
static char *place_text(const struct bug *bug)
{
	GString *text = g_string_new(NULL);

	if (g_strcmp0(bug->host, bug->kind->host))
		g_string_append_printf(text, ", host %s", bug->host);
	if (bug->accel)
		g_string_append_printf(text, ", accel %s", bug->accel);
	if (bug->clock)
		g_string_append_printf(text, ", clock %s", bug->clock);
	if (bug->kvm)
		g_string_append_printf(text, ", with %s", bug->kvm);
	if (bug->plan)
		g_string_append_printf(text, ", plan %s", bug->plan);
	return g_string_free(text, FALSE);
}

/* The folder for logs: "unpatched-qemu-tcg-1". The caller frees it. */
static char *unpatched_label(const struct bug *like, int pass)
{
	const char *words[] = { like->kind->what, like->host, like->accel,
				like->clock,	  like->kvm,  like->plan };
	GString *label = g_string_new("unpatched");

	for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
		if (words[i])
			g_string_append_printf(label, "-%s", words[i]);
	g_string_append_printf(label, "-%d", pass);
	return g_string_free(g_string_ascii_down(label), FALSE);
}

/* The unbroken build, or NULL: the installed one is used, or ERROR is set, or an interrupt came. */
static char *build_unpatched(struct corpus *corpus, const struct bug_kind *kind, GError **error)
{
	g_autofree char *log = g_build_filename(corpus->logdir, "unpatched-build", NULL);
	char *built;

	if (!kind->builds_unpatched)
		return NULL;
	printf("%-12s unpatched %s\n", "building", kind->what);
	fflush(stdout);
	g_mkdir_with_parents(corpus->logdir, 0755);
	built = bug_kind_build(kind, NULL, log, error);
	corpus->interrupted = !built && !*error;
	return built;
}

static void print_unpatched(const struct tally *tally, const struct bug *like, int pass)
{
	g_autofree char *place = place_text(like);
	guint alarms = tally->failed + tally->errors;

	printf("%-12s unpatched %s, pass %d%s: %u passed, %u failed, %u as known, %u skipped%s%s\n",
	       alarms ? "FALSE ALARM" : "clean", like->kind->what, pass, place, tally->passed,
	       alarms, tally->known, tally->skipped, alarms ? "\n             " : "",
	       alarms ? tally->first : "");
	fflush(stdout);
}

/*
 * Runs all cases of bugs that show in the same place as LIKE. Returns how many fail with an
 * unpatched build, or -1 if they could not be run.
 */
static int run_unpatched(struct corpus *corpus, GPtrArray *bugs, const struct bug *like, int pass)
{
	g_auto(GStrv) patterns = all_patterns(bugs, like);
	g_autofree char *label = unpatched_label(like, pass);
	g_autoptr(GError) error = NULL;
	g_autofree char *built = build_unpatched(corpus, like->kind, &error);
	struct tally tally = { 0 };
	int alarms;

	if (!error && !corpus->interrupted)
		corpus_run_cases(corpus, like, patterns, built, label, &tally, &error);
	if (error)
		usage_error("%s", error->message);
	if (error || corpus->interrupted)
		return -1;
	print_unpatched(&tally, like, pass);
	alarms = tally.failed + tally.errors;
	tally_clear(&tally);
	return alarms;
}

static gboolean is_first_of_its_place(GPtrArray *bugs, guint index)
{
	for (guint i = 0; i < index; i++)
		if (same_place(bugs->pdata[i], bugs->pdata[index]))
			return FALSE;
	return TRUE;
}

static int run_unpatched_in_each_place(struct corpus *corpus, GPtrArray *bugs, int pass)
{
	int alarms = 0;

	for (guint i = 0; i < bugs->len && alarms >= 0 && !corpus->interrupted; i++) {
		int found = is_first_of_its_place(bugs, i)
				    ? run_unpatched(corpus, bugs, bugs->pdata[i], pass)
				    : 0;

		alarms = found < 0 ? found : alarms + found;
	}
	return alarms;
}

/* NULL without ERROR after an interrupt. */
static char *build(struct corpus *corpus, const struct bug *bug, GError **error)
{
	printf("%-12s %s\n", "building", bug->name);
	fflush(stdout);
	return corpus_build(corpus, bug, error);
}

/* TRUE if the bug was caught by the test that must catch it. */
static gboolean run_bug(struct corpus *corpus, const struct bug *bug)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *built = NULL;
	struct tally tally = { .tests = bug->tests };
	gboolean caught;

	built = build(corpus, bug, &error);
	if (!built && !error)
		return FALSE;
	if (!built) {
		printf("%-12s %s: cannot be built: %s\n", "NOT BUILT", bug->name, error->message);
		return FALSE;
	}
	if (!corpus_run_cases(corpus, bug, bug->cases, built, bug->name, &tally, &error)) {
		if (error)
			usage_error("%s", error->message);
		return FALSE;
	}
	caught = tally.caught_by != NULL;
	if (caught)
		printf("%-12s %s, by %s\n", "caught", bug->name, tally.caught_by);
	else if (tally.errors && !tally.failed && !tally.passed)
		printf("%-12s %s: %s\n", "BROKE KERNEL", bug->name, tally.first);
	else if (!tally.passed && !tally.failed && !tally.errors && !tally.known)
		printf("%-12s %s: no case could run here%s%s\n", "NOT RUN", bug->name,
		       tally.first ? "; " : "", tally.first ? tally.first : "");
	else
		printf("%-12s %s (%s): %u passed, %u failed, %u errors%s%s\n", "MISSED", bug->name,
		       bug->breaks, tally.passed, tally.failed, tally.errors,
		       tally.first ? "; " : "", tally.first ? tally.first : "");
	fflush(stdout);
	tally_clear(&tally);
	return caught;
}

int corpus_check(struct corpus *corpus, GPtrArray *bugs, int passes)
{
	guint caught = 0, tried = 0;
	int alarms = 0;

	for (int pass = 1; pass <= passes && !corpus->interrupted; pass++) {
		int found = run_unpatched_in_each_place(corpus, bugs, pass);

		if (found < 0 && !corpus->interrupted)
			return EXIT_USAGE;
		alarms += MAX(found, 0);
	}
	for (; tried < bugs->len && !corpus->interrupted; tried++)
		caught += run_bug(corpus, bugs->pdata[tried]);
	/* The last one that was begun has no verdict then. */
	if (corpus->interrupted)
		printf("interrupted: %u of %u patches were tried; ", MAX(tried, 1) - 1, bugs->len);
	printf("%u of %u caught, %d false alarms; seed %u\n", caught, bugs->len, alarms,
	       (guint32)corpus->wanted.seed);
	if (corpus->interrupted)
		return EXIT_INTERRUPTED;
	return caught == bugs->len && !alarms ? EXIT_ALL_PASSED : EXIT_SOME_FAILED;
}
