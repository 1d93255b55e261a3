// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `ferry corpus run`. Unpatched KVM and QEMU go first: a failure there is a false alarm, which is
 * worse than a miss.
 */
#include <stdio.h>

#include "cli/command.h"
#include "cli/corpus-cases.h"
#include "cli/corpus-check.h"
#include "cli/corpus-unbroken.h"

static enum bug_verdict verdict_of(const struct tally *tally)
{
	if (tally->caught_by)
		return BUG_CAUGHT;
	if (tally->errors && !tally->failed && !tally->passed)
		return BUG_BROKE_KERNEL;
	if (!tally->passed && !tally->failed && !tally->errors && !tally->known)
		return BUG_NOT_RUN;
	return BUG_MISSED;
}

static void print_caught(const struct bug *bug, const struct tally *tally)
{
	printf("%-12s %s, by %s in %s: %s\n", "caught", bug->name, tally->caught_by,
	       tally->caught_in, tally->reason);
	if (bug->missed)
		printf("%-12s %s: take the line 'Missed:' out of its head\n", "", bug->path);
}

static void print_missed(const struct bug *bug, const struct tally *tally)
{
	printf("%-12s %s (%s): %u passed, %u failed, %u errors%s%s%s%s%s\n", "MISSED", bug->name,
	       bug->breaks, tally->passed, tally->failed, tally->errors, tally->first ? "; " : "",
	       tally->first ?: "", bug->missed ? " (known: " : "", bug->missed ?: "",
	       bug->missed ? ")" : "");
}

static void print_verdict(const struct bug *bug, const struct tally *tally)
{
	switch (verdict_of(tally)) {
	case BUG_CAUGHT:
		print_caught(bug, tally);
		break;
	case BUG_BROKE_KERNEL:
		printf("%-12s %s: %s\n", "BROKE KERNEL", bug->name, tally->first);
		break;
	case BUG_NOT_RUN:
		printf("%-12s %s: no case could run here%s%s\n", "NOT RUN", bug->name,
		       tally->first ? "; " : "", tally->first ?: "");
		break;
	default:
		print_missed(bug, tally);
	}
	fflush(stdout);
}

void check_keep(struct checking *checking, const GPtrArray *lines)
{
	g_autoptr(GError) error = NULL;

	if (verdicts_keep(checking->options->verdicts, lines, &error))
		return;
	usage_error("this is not kept: %s", error->message);
	checking->unkept = TRUE;
}

static void keep_verdict(struct checking *checking, const struct bug *bug, enum bug_verdict verdict,
			 const struct tally *tally)
{
	g_autoptr(GPtrArray) lines = verdicts_new();

	verdicts_add(lines, &(struct verdict_line){
				    .patch = bug->name,
				    .verdict = verdict,
				    .case_name = tally->caught_in,
				    .seconds = tally->caught_in ? tally->seconds : -1,
				    .hash = bug->hash,
				    .test = tally->caught_by,
			    });
	check_keep(checking, lines);
}

/* Runs the cases with BUILD. TRUE if the bug was caught by the test that must catch it. */
static gboolean run_cases(struct checking *checking, const struct bug *bug,
			  const struct corpus_build *build)
{
	g_autoptr(GError) error = NULL;
	struct tally tally = { .tests = bug->tests };
	gboolean ran = corpus_run_cases(checking->corpus, bug, bug->cases, build, &tally, &error);
	gboolean caught = ran && tally.caught_by;

	if (ran) {
		print_verdict(bug, &tally);
		keep_verdict(checking, bug, verdict_of(&tally), &tally);
	} else if (error) {
		usage_error("%s", error->message);
	}
	tally_clear(&tally);
	return caught;
}

static gboolean run_bug(struct checking *checking, const struct bug *bug)
{
	g_autoptr(GError) error = NULL;
	struct corpus_build build = { .label = bug->name };
	const struct tally nothing = { 0 };
	gboolean caught = FALSE;

	printf("%-12s %s\n", "building", bug->name);
	fflush(stdout);
	if (corpus_build(checking->corpus, bug, &build, &error)) {
		caught = run_cases(checking, bug, &build);
	} else if (error) {
		printf("%-12s %s: cannot be built: %s\n", "NOT BUILT", bug->name, error->message);
		fflush(stdout);
		keep_verdict(checking, bug, BUG_NOT_BUILT, &nothing);
	}
	corpus_build_clear(&build);
	return caught;
}

static int exit_status(const struct checking *checking, gboolean all_caught)
{
	if (checking->corpus->interrupted)
		return EXIT_INTERRUPTED;
	if (checking->unkept)
		return EXIT_USAGE;
	return all_caught ? EXIT_ALL_PASSED : EXIT_SOME_FAILED;
}

static int end_unpatched(const struct checking *checking, int alarms)
{
	const struct corpus *corpus = checking->corpus;

	printf("%sno patch was tried, %d false alarms; seed %u\n",
	       corpus->interrupted ? "interrupted: " : "", alarms, (guint32)corpus->wanted.seed);
	return exit_status(checking, !alarms);
}

static int run_all(struct checking *checking)
{
	struct corpus *corpus = checking->corpus;
	const GPtrArray *bugs = checking->bugs;
	guint caught = 0, tried = 0;
	int alarms = 0;

	for (int pass = 1; pass <= checking->options->passes && !corpus->interrupted; pass++) {
		int found = unbroken_run(checking, pass);

		if (found < 0 && !corpus->interrupted)
			return EXIT_USAGE;
		alarms += MAX(found, 0);
	}
	if (checking->options->unpatched)
		return end_unpatched(checking, alarms);
	for (; tried < bugs->len && !corpus->interrupted; tried++)
		caught += run_bug(checking, bugs->pdata[tried]);
	/* The last one that was begun has no verdict then. */
	if (corpus->interrupted)
		printf("interrupted: %u of %u patches were tried; ", MAX(tried, 1) - 1, bugs->len);
	printf("%u of %u caught, %d false alarms; seed %u\n", caught, bugs->len, alarms,
	       (guint32)corpus->wanted.seed);
	return exit_status(checking, caught == bugs->len && !alarms);
}

/* Those of BUGS that were not tried as they are now. The caller unrefs the array. */
static GPtrArray *new_ones(const GPtrArray *bugs, const GPtrArray *verdicts)
{
	GPtrArray *found = g_ptr_array_new();

	for (guint i = 0; i < bugs->len; i++) {
		const struct bug *bug = bugs->pdata[i];

		if (!verdicts_tried(verdicts, bug->name, bug->hash))
			g_ptr_array_add(found, bugs->pdata[i]);
	}
	return found;
}

int corpus_check(struct corpus *corpus, const GPtrArray *bugs, const struct check_options *options)
{
	struct checking checking = { .corpus = corpus, .bugs = bugs, .options = options };
	g_autoptr(GPtrArray) some = NULL, verdicts = NULL;
	g_autoptr(GError) error = NULL;

	if (!verdicts_check(options->verdicts, &error) ||
	    !(verdicts = verdicts_read(options->verdicts, &error)))
		return usage_error("%s", error->message);
	if (options->only_new) {
		some = new_ones(bugs, verdicts);
		checking.bugs = some;
		printf("%u of %u patches have a verdict in %s; %u left\n", bugs->len - some->len,
		       bugs->len, options->verdicts, some->len);
		fflush(stdout);
		if (!some->len)
			return EXIT_ALL_PASSED;
	}
	return run_all(&checking);
}
