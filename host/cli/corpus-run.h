/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs cases in labs with one build of KVM, and counts their verdicts. */
#ifndef FERRY_HOST_CORPUS_RUN_H
#define FERRY_HOST_CORPUS_RUN_H

#include "run/case.h"

/* What all runs of a `ferry corpus run` share. */
struct corpus {
	struct suite *suite;
	const char *logdir; /* each run has a folder below it */
	struct settings wanted;
	struct case_settings settings;
	struct environment *environment;
	GPtrArray *known_issues;
	gboolean interrupted; /* by a signal; there will be no further run */
};

/* The verdicts of the cases under one build of KVM. */
struct tally {
	guint passed, failed, known, skipped, errors;
	char *first;	 /* "FAIL hyperv_stimer/precopy: why" of the first case that did not pass */
	char **tests;	 /* globs over the tests to run, one of which must fail; NULL: all run */
	char *caught_by; /* the first failed test that matches */
};

/*
 * Runs the cases of PATTERNS, each in the lab that offers what it needs, with the KVM in MODULES
 * (NULL: the lab's own) and with CLOCK (NULL: any). Logs go to the folder LABEL. FALSE and ERROR if
 * there are no such cases. FALSE without ERROR after an interrupt.
 */
gboolean corpus_run_cases(struct corpus *corpus, char **patterns, const char *modules,
			  const char *clock, const char *label, struct tally *tally,
			  GError **error);

void tally_clear(struct tally *tally);

#endif
