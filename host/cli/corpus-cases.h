/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs cases with one build of KVM or QEMU, in a `ferry run` of their own, and counts the verdicts.
 */
#ifndef FERRY_HOST_CORPUS_CASES_H
#define FERRY_HOST_CORPUS_CASES_H

#include "cli/corpus-bug.h"
#include "cli/corpus-run.h"
#include "cli/corpus-verdicts.h"

/* The verdicts of the cases. */
struct tally {
	guint passed, failed, known, skipped, errors;
	char *first; /* "FAIL hyperv_stimer/precopy: why" of the first case that did not pass */
	/*
	 * Globs over the tests to run; NULL: all run. One of them must fail, or something else must
	 * go wrong in it, such as a reset that nobody ordered. The name of a kind of failure
	 * (docs/results.md) stands for what the runner itself finds, such as "host-check". If there
	 * is such a name, all tests run.
	 */
	char **tests;
	/* The first failed test that matches, its case, and why it failed; all NULL if none did. */
	char *caught_by, *caught_in, *reason;
	double seconds; /* from the start of `caught_in` until `caught_by` failed; -1: unknown */
	/* Gets a struct verdict_line for each case that ran, about PLACE. NULL: not wanted. */
	GPtrArray *unbroken;
	const char *place;
};

/*
 * Runs the cases of PATTERNS with BUILD, on the host that the head of LIKE names. Returns FALSE and
 * sets ERROR if the cases cannot be run, for example because there are none. After an interrupt it
 * returns FALSE without ERROR, and sets `interrupted` of CORPUS.
 */
gboolean corpus_run_cases(struct corpus *corpus, const struct bug *like, char **patterns,
			  const struct corpus_build *build, struct tally *tally, GError **error);

void tally_clear(struct tally *tally);

#endif
