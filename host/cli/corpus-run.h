/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs cases in labs with one build of KVM, and counts their verdicts. */
#ifndef FERRY_HOST_CORPUS_RUN_H
#define FERRY_HOST_CORPUS_RUN_H

#include "report/reporter.h"
#include "run/case.h"

/* A word for guests: the first failed test is the last (docs/protocol.md). */
#define FAIL_FAST "failfast=1"

/* What all runs of a `ferry corpus` command share. */
struct corpus {
	struct suite *suite;
	const char *logdir; /* each run has a folder below it */
	struct settings wanted;
	struct case_settings settings;
	struct environment *environment;
	GPtrArray *known_issues;
	unsigned jobs;	      /* labs at the same time, 1 or more */
	gboolean interrupted; /* by a signal; there will be no further run */
};

/* The verdicts of the cases under one build of KVM. */
struct tally {
	guint passed, failed, known, skipped, errors;
	char *first;	 /* "FAIL hyperv_stimer/precopy: why" of the first case that did not pass */
	char **tests;	 /* globs over the tests to run, one of which must fail; NULL: all run */
	char *caught_by; /* the first failed test that matches */
};

/* A build of KVM. */
struct corpus_kvm {
	const char *modules; /* the folder that holds it; NULL: the lab's own */
	const char *label;   /* the folder for logs, below the corpus's */
};

struct bug;

/*
 * Builds KVM with the bug (corpus-bug.h); what the build says is in the bug's folder for logs.
 * Returns the folder of the modules, which the caller frees, or NULL and ERROR. NULL without ERROR
 * after an interrupt; `interrupted` is set then.
 */
char *corpus_build(struct corpus *corpus, const struct bug *bug, GError **error);

/*
 * The cases, each placed in the lab that offers what it needs. PLANS replace the programs' own if
 * they are not NULL. The caller unrefs the array. NULL and ERROR if there are none.
 */
GPtrArray *corpus_select(struct corpus *corpus, char **patterns, char **plans, const char *clock,
			 GError **error);

/*
 * Runs CASES, and tells REPORTER about them. FALSE after an interrupt; `interrupted` is set then.
 */
gboolean corpus_run(struct corpus *corpus, GPtrArray *cases, const struct corpus_kvm *kvm,
		    const struct reporter *reporter, void *data);

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
