/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The result of a case. */
#ifndef FERRY_HOST_RESULT_H
#define FERRY_HOST_RESULT_H

#include <stdio.h>

#include "report/action-stats.h"
#include "report/story.h"
#include "suite/test-case.h"

enum verdict {
	VERDICT_PASS,
	VERDICT_FAIL,  /* something that must hold did not hold in the guest or at the host */
	VERDICT_XFAIL, /* it failed, as known-issues.cfg says that it does here */
	VERDICT_SKIP,  /* it could not run here, or the guest had nothing to check */
	VERDICT_ERROR, /* the VMM, the plan or the runner could not do its part */
	VERDICT_FLAKY, /* it failed, and did not fail when it was tried again */
	VERDICT_COUNT
};

const char *verdict_name(enum verdict verdict); /* "PASS", ... */

/* FALSE if no verdict has this NAME, which may be NULL. */
gboolean verdict_find(const char *name, enum verdict *verdict);

/* Whether a case with this verdict makes the run fail. */
gboolean verdict_is_red(enum verdict verdict);

/* What a failure was, whether it is known or not. docs/results.md explains each. */
enum failure_kind {
	KIND_NONE,	      /* nothing failed, or nothing tells what it was */
	KIND_CHECK,	      /* a check of the guest failed */
	KIND_HOST_CHECK,      /* a check of the runner failed: protocol, clocks, disk, registers */
	KIND_GUEST_END,	      /* the guest ended otherwise than by its own last word */
	KIND_HOST_KERNEL,     /* the host's kernel reported something of KVM */
	KIND_TIMEOUT,	      /* the case's time was over, or its guest stood still */
	KIND_VMM_START,	      /* the VMM did not start, or ended before its guest said a word */
	KIND_VMM,	      /* the VMM crashed, or left without its guest */
	KIND_PLAN,	      /* the plan could not do its part */
	KIND_RUNNER,	      /* the runner itself could not do its part, e.g. the disk was full */
	KIND_LAB_SETUP,	      /* the lab could not be started: something that it needs is missing */
	KIND_LAB_BOOT,	      /* the lab's kernel did not boot */
	KIND_UNEXPECTED_PASS, /* --strict: it passed, and a known issue says that it fails */
	KIND_LAB,	      /* the lab died, or fell silent, after it had booted */
	KIND_COUNT
};

const char *kind_name(enum failure_kind kind); /* "guest-end", ...; NULL for KIND_NONE */
enum failure_kind kind_find(const char *name); /* KIND_NONE if there is no such kind, or NULL */

/* The end of one test, from the guest's `end` line. */
struct test_result {
	char *name;
	unsigned cpu;
	unsigned round;
	char *verdict; /* "pass", "fail", "skip", "xfail"; a known issue makes it "xfail" */
	unsigned checks;
	char *reason;
	GPtrArray *further;  /* of char *: the checks that failed after the first; or NULL */
	gboolean unfinished; /* it failed because the guest ended in it: see struct failure */
	gint64 at_ns;	     /* when it began, since the case began; -1: unknown */
	gint64 failed_at_ns; /* when its first check failed; -1: none, or unknown */
	gint64 duration_ns;  /* by the runner's clock */
	char *issue;	     /* the name of the known issue that explains it, or NULL */
	gboolean sometimes;  /* an issue that does not show each time */
};

/*
 * A failure that is not in the result of a finished test: the guest ended otherwise than by its own
 * last word, a check of the runner failed, or a check outside of tests failed.
 */
struct failure {
	enum failure_kind kind;
	char *text;	    /* one line */
	char *test;	    /* the test in which it happened, or NULL */
	gboolean known;	    /* a known issue explains it */
	char *issue;	    /* its name, or NULL */
	gboolean sometimes; /* it does not show each time */
	gint64 at_ns;	    /* since the case began; -1: unknown */
};

/* Figures from a `mark` line of the guest. */
struct mark {
	char *name;
	GHashTable *values; /* key -> value, both strings */
};

/* Where a case ran. Its verdict holds for this environment. */
struct environment {
	char *host;	    /* "local", or the lab's name */
	char *vmm;	    /* "qemu" */
	char *binary;	    /* of the VMM */
	char *other_binary; /* of the second VMM that guests migrate to and from, or NULL */
	char *firmware;	    /* what --firmware asked for, "uefi"; or NULL */
	char *kvm;	    /* parameters that were asked for, "npt=0,vgif=0"; or NULL */
	char *machine;	    /* the machine type, if one was chosen or named; else NULL */
	char *accel;
	char *kernel;		/* of the host: "6.1.0-13-amd64" */
	char *cpu;		/* "AMD EPYC ..." */
	char *clock;		/* the kernel's clock source: "tsc", "hpet", ... */
	char *microcode;	/* its revision, "0x1000065"; NULL: unknown */
	gboolean cpu_emulated;	/* by the emulator of a lab */
	char *emulator;		/* what emulates the lab's CPU: "tcg" or "bochs"; or NULL */
	char *emulator_version; /* "7.2.22"; NULL if it is not known */
	/* KVM's module parameters: "kvm_amd.npt" -> "Y", both strings. NULL: unknown. */
	GHashTable *kvm_parameters;
	guint32 seed;
	double timescale;
	/* These are of the whole run. Its own runner sets them, and not one in a lab. */
	char *ferry;	    /* the runner's commit, or NULL */
	char *shard;	    /* "2/4", or NULL */
	guint run_cases;    /* of all shards; 0: unknown */
	gint64 run_started; /* CLOCK_REALTIME, ns; 0: unknown */
	/* Words of the command line that no other member tells, "--arg", "break=torn"; or NULL. */
	char **options;
};

struct result {
	const struct test_case *test_case;
	const struct environment *environment; /* outlives the result */
	enum verdict verdict;
	enum failure_kind kind;	 /* of what the reason tells */
	char *reason;		 /* one line; NULL for a plain pass */
	char *vmm_version;	 /* "7.2.22"; NULL if the VMM did not tell */
	char *other_vmm_version; /* of the second VMM, or NULL */
	char *warning;		 /* one line about an unexpected pass, or NULL */
	char *memory;	/* lines about images of the guest's memory; NULL if none were wanted */
	char *detail;	/* more lines, e.g. a backtrace; NULL if there are none */
	char *logdir;	/* NULL if the case never started */
	gint64 started; /* CLOCK_REALTIME, ns; 0: the case never started */
	gint64 duration_ns;
	unsigned checks; /* PASS, FAIL, SKIP, XFAIL and XPASS lines */
	unsigned skipped_checks;
	GPtrArray *tests;    /* of struct test_result */
	GPtrArray *failures; /* of struct failure */
	GPtrArray *marks;    /* of struct mark; those that the host checks are not among them */
	GArray *actions;     /* of struct action_stats */
	/* Of struct attempt: earlier attempts at the case, which failed. Empty without --retry. */
	GPtrArray *attempts;
	struct story *story; /* NULL: nothing of it was kept */
};

/* What is kept of an attempt at a case that failed, after which the case was tried again. */
struct attempt {
	enum verdict verdict; /* FAIL or ERROR */
	enum failure_kind kind;
	char *reason;
	char *logdir;
	GPtrArray *failed_tests; /* of char *: their names, each once; no known issue says why */
};

/* A result without a verdict yet. Both arguments outlive it. */
struct result *result_new(const struct test_case *test_case, const struct environment *environment);
void result_free(struct result *result);

/* Adds a failure that happened in TEST (NULL: in none). After very many it only counts them. */
void result_add_failure(struct result *result, enum failure_kind kind, const char *text,
			const char *test);

/* Adds TEXT to *TEXTS, and makes the array if that is NULL. After very many it only counts them. */
void result_add_text(GPtrArray **texts, const char *text);

/*
 * " on amd with npt=0": where the result is from, and with which parameters of KVM that were asked
 * for. The host is left out if it is HERE, and the parameters if there are none. The caller frees
 * it.
 */
char *result_place(const struct result *result, const char *here);

void environment_free(struct environment *environment);

/*
 * Adds the VALUES, numbers as strings, to the mark FIGURES_MARK: what the VMM did to the guest by
 * itself.
 */
#define FIGURES_MARK "vmm"
void result_add_figures(struct result *result, GHashTable *values);

/* The last value of KEY in a mark NAME, or NULL. */
const char *result_mark(const struct result *result, const char *name, const char *key);
/* The figure KEY of the mark FIGURES_MARK; 0 if the VMM has told none. */
guint64 result_figure(const struct result *result, const char *key);

/*
 * "12 tests, 345 checks; 20 migrations, stopped for 2.1 ms to 9.8 ms; 3.20 s". The caller frees it.
 */
char *result_summary(const struct result *result);

#endif
