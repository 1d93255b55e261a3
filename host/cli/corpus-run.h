/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs cases in labs with one build of KVM or QEMU, for the matrix. */
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

/* What a run tests. The caller clears it with corpus_build_clear(). */
struct corpus_build {
	char *modules;	   /* a folder of KVM's; NULL: the lab's own */
	char *qemu;	   /* a program; NULL: the default */
	const char *label; /* the folder for logs, below the corpus's */
};

struct bug;

/*
 * Fills in BUILD, which has a label, with what BUG breaks and with what it goes with (`With:`).
 * What the builds say is in the label's folder for logs. FALSE and ERROR on failure. FALSE without
 * ERROR after an interrupt; `interrupted` is set then.
 */
gboolean corpus_build(struct corpus *corpus, const struct bug *bug, struct corpus_build *build,
		      GError **error);

/* The same with BUG's own kind unbroken. */
gboolean corpus_build_unbroken(struct corpus *corpus, const struct bug *bug,
			       struct corpus_build *build, GError **error);

void corpus_build_clear(struct corpus_build *build);

/*
 * The cases, each placed in the lab that offers what it needs. PLANS replace the programs' own if
 * they are not NULL. The caller unrefs the array. NULL and ERROR if there are none.
 */
GPtrArray *corpus_select(struct corpus *corpus, char **patterns, char **plans, const char *clock,
			 GError **error);

/*
 * Runs CASES, and tells REPORTER about them. FALSE after an interrupt; `interrupted` is set then.
 */
gboolean corpus_run(struct corpus *corpus, GPtrArray *cases, const struct corpus_build *build,
		    const struct reporter *reporter, void *data);

#endif
