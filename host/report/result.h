/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A case, what became of it, and those who are told. */
#ifndef FERRY_HOST_RESULT_H
#define FERRY_HOST_RESULT_H

#include <stdio.h>

#include "report/action-stats.h"
#include "suite/test-case.h"

enum verdict {
	VERDICT_PASS,
	VERDICT_FAIL,  /* the guest, or what was done to it, broke an invariant */
	VERDICT_XFAIL, /* it failed, as known-issues.cfg says that it does here */
	VERDICT_SKIP,  /* it could not run here, or the guest had nothing to check */
	VERDICT_ERROR, /* the VMM, the plan or the runner could not do its part */
};

const char *verdict_name(enum verdict verdict); /* "PASS", ... */

/* One test's end, as the guest told it. */
struct test_result {
	char *name;
	unsigned cpu;
	unsigned round;
	char *verdict; /* "pass", "fail", "skip", "xfail"; of a known issue: "xfail" */
	unsigned checks;
	char *reason;
	gint64 duration_ns; /* by the runner's clock */
};

/* Figures that the guest told with a `mark` line. */
struct mark {
	char *name;
	GHashTable *values; /* key -> value, both strings */
};

/* What a verdict was reached on. */
struct environment {
	char *host;	    /* "local", or the lab's name */
	char *vmm;	    /* "qemu" */
	char *binary;	    /* of the VMM */
	char *other_binary; /* of the other of two that guests go between, or NULL */
	char *machine;	    /* a machine type that was chosen or named, or NULL */
	char *accel;
	char *kernel; /* of the host: "6.1.0-13-amd64" */
	char *cpu;    /* "AMD EPYC ..." */
	char *clock;  /* the kernel's clock source: "tsc", "hpet", ... */
	guint32 seed;
	double timescale;
};

struct result {
	const struct test_case *test_case;
	const struct environment *environment; /* outlives the result */
	enum verdict verdict;
	char *reason;		 /* one line; NULL for a plain pass */
	char *vmm_version;	 /* "7.2.22"; NULL if the VMM never told */
	char *other_vmm_version; /* of the other of two that the guest goes between, or NULL */
	char *warning;		 /* one line about a pass that was not expected; else NULL */
	char *memory; /* lines on images of the guest's memory; NULL if none were wanted */
	char *detail; /* more lines, e.g. a backtrace; NULL if there are none */
	char *logdir; /* NULL when it never started */
	gint64 duration_ns;
	unsigned checks; /* PASS, FAIL, SKIP, XFAIL and XPASS lines */
	unsigned skipped_checks;
	GPtrArray *tests;      /* of struct test_result */
	gboolean beyond_tests; /* something failed that is no test's, and that no issue explains */
	GPtrArray *marks;      /* of struct mark, without clock marks */
	GArray *actions;       /* of struct action_stats */
};

/* A result without a verdict yet. Both arguments outlive it. */
struct result *result_new(const struct test_case *test_case, const struct environment *environment);
void result_free(struct result *result);

void environment_free(struct environment *environment);

/* The last value of KEY in a mark NAME, or NULL. */
const char *result_mark(const struct result *result, const char *name, const char *key);

/* "12 tests, 345 checks, 20 moves, paused 2.1 ms to 9.8 ms": what is good to know of a result. */
char *result_summary(const struct result *result);

#endif
