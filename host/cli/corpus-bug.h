/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The known bugs of the corpus: semantic patches to KVM. See corpus/README.md. */
#ifndef FERRY_HOST_CORPUS_BUG_H
#define FERRY_HOST_CORPUS_BUG_H

#include "suite/suite.h"

/* A patch, and what its header says. */
struct bug {
	char *name, *path;
	char *breaks;  /* what is wrong; one line */
	char *noticed; /* who would notice it in real life; one line */
	char **cases;  /* patterns of the cases that must catch it */
	char **tests;  /* globs over the tests that must catch it; the others are not run */
	char *clock;   /* of the lab that shows the bug (lab/kinds.h); NULL: any */
	char **files;  /* of the kernel that are patched */
	char **reach; /* globs over the programs that can reach the patched code; NULL: see below */
	char *hash;   /* of the patch; changes when the file does */
};

/*
 * The bugs whose names match one of the globs PATTERNS (NULL or empty: all), sorted by name. The
 * caller unrefs the array. NULL and ERROR if there is none, or if a header is incomplete.
 */
GPtrArray *bugs_read(char **patterns, GError **error);

/*
 * TRUE if the program can run into the patched code. Where the patch itself does not say which
 * programs can, its files do: only nested guests reach svm/ and vmx/ as the patches change them,
 * and only Hyper-V's interface reaches hyperv.c.
 */
gboolean bug_reaches(const struct bug *bug, const struct program *program);

/*
 * Builds KVM with the bug; what the build says is appended to the file LOG. Returns the folder of
 * the modules, which the caller frees, or NULL and ERROR. NULL without ERROR after an interrupt.
 */
char *bug_build(const struct bug *bug, const char *log, GError **error);

#endif
