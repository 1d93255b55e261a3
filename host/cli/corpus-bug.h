/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The known bugs of the corpus: patches to KVM and to QEMU. See corpus/README.md. */
#ifndef FERRY_HOST_CORPUS_BUG_H
#define FERRY_HOST_CORPUS_BUG_H

#include "suite/suite.h"

/* What a patch breaks. */
struct bug_kind {
	const char *what;   /* "KVM" */
	const char *folder; /* of the patches, below the source tree */
	const char *suffix; /* of their files */
	const char *script; /* that builds it with the patch that it is given; see corpus-build.h */
	const char *host;   /* where cases run unless the header names a host; NULL: any */
	gboolean files_in_head;	   /* the header must name the files that are patched */
	gboolean builds_unpatched; /* the script builds it unbroken if it gets no patch */
};

/* The last has no `what`. */
extern const struct bug_kind bug_kinds[];

/* A patch, and what its header says. */
struct bug {
	const struct bug_kind *kind;
	char *name, *path;
	char *breaks;  /* what is wrong; one line */
	char *noticed; /* who would notice it in real life; one line */
	char **cases;  /* patterns of the cases that must catch it */
	char **tests;  /* globs over the tests that must catch it; the others are not run */
	char *host;    /* a word of --host; NULL: the first host that offers what a case needs */
	char *accel;   /* "tcg": the bug shows on this machine without KVM; NULL: it takes KVM */
	char *plan;    /* with its options, instead of the programs' own; NULL: their own */
	char *clock;   /* of the lab that shows the bug (lab/kinds.h); NULL: any */
	char *kvm;     /* parameters of its modules, as for --kvm; NULL: the usual ones */
	/*
	 * The path of a patch of another kind, without which the bug does not show: it is built as
	 * well, and the cases run with both. The unbroken build has this one alone. NULL: none
	 */
	char *with;
	const struct bug_kind *with_kind;
	char **files; /* that are patched; NULL: the patch itself tells */
	char **reach; /* globs over the programs that can reach the patched code; NULL: see below */
	char *missed; /* why no test is known to catch it; one line; NULL: it must be caught */
	char *hash;   /* of the patch; see corpus-hash.h */
};

/*
 * The bugs whose names match one of the globs PATTERNS (NULL or empty: all), sorted by name. The
 * caller unrefs the array. NULL and ERROR if there is none, or if a header is incomplete.
 */
GPtrArray *bugs_read(char **patterns, GError **error);

/*
 * TRUE if the program can run into the patched code. Where the patch itself does not say which
 * programs can, its files do: only nested guests reach the code in svm/ and vmx/ that patches
 * change, and only Hyper-V's interface reaches hyperv.c.
 */
gboolean bug_reaches(const struct bug *bug, const struct program *program);

#endif
