/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The known bugs of the corpus: semantic patches to KVM. See corpus/README.md. */
#ifndef FERRY_HOST_CORPUS_BUG_H
#define FERRY_HOST_CORPUS_BUG_H

#include <glib.h>

/* A patch, and what its header says. */
struct bug {
	char *name, *path;
	char *breaks;  /* what is wrong; one line */
	char *noticed; /* who would notice it in real life; one line */
	char **cases;  /* patterns of the cases that must catch it */
	char **tests;  /* globs over the tests that must catch it; the others are not run */
	char *clock;   /* of the lab that shows the bug (lab/kinds.h); NULL: any */
};

/*
 * The bugs whose names match one of the globs PATTERNS (NULL or empty: all), sorted by name. The
 * caller unrefs the array. NULL and ERROR if there is none, or if a header is incomplete.
 */
GPtrArray *bugs_read(char **patterns, GError **error);

/*
 * Builds KVM with the bug. Returns the folder of the modules, which the caller frees, or NULL and
 * ERROR.
 */
char *bug_build(const struct bug *bug, GError **error);

#endif
