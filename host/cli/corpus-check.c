// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `ferry corpus run`. Unpatched KVM goes first: a failure there is a false alarm, which is worse
 * than a miss.
 */
#include <stdio.h>

#include "cli/command.h"
#include "cli/corpus-bug.h"
#include "cli/corpus-check.h"
#include "lab/kinds.h"

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
	g_autofree char *modules = NULL;
	struct tally tally = { .tests = bug->tests };
	gboolean caught;

	modules = build(corpus, bug, &error);
	if (!modules && !error)
		return FALSE;
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

int corpus_check(struct corpus *corpus, GPtrArray *bugs, int passes)
{
	guint caught = 0, tried = 0;
	int alarms = 0;

	for (int pass = 1; pass <= passes && !corpus->interrupted; pass++) {
		int found = run_unpatched_with_each_clock(corpus, bugs, pass);

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
