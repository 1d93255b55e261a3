/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file corpus/verdicts: what the last `ferry corpus run` found for each patch, and for unbroken
 * KVM and QEMU. `ferry corpus score` computes the score from it.
 */
#ifndef FERRY_HOST_CORPUS_VERDICTS_H
#define FERRY_HOST_CORPUS_VERDICTS_H

#include <glib.h>

enum bug_verdict {
	BUG_CAUGHT,
	BUG_MISSED,
	BUG_NOT_BUILT,	  /* the patch does not fit, or what it needs is missing */
	BUG_NOT_RUN,	  /* no case could run here */
	BUG_BROKE_KERNEL, /* no case came to its end */
	/* The verdicts of unbroken builds. */
	UNBROKEN_CLEAN,	      /* the case passed */
	UNBROKEN_FALSE_ALARM, /* it failed */
};

struct verdict_line {
	/* A patch, or the place where something unbroken has run: UNBROKEN_PREFIX "kvm-lab" */
	char *patch;
	enum bug_verdict verdict;
	char *case_name; /* that caught the patch, or that ran; NULL: none */
	double seconds;	 /* from the case's start until the patch was caught; -1: unknown */
	guint passes;	 /* of unbroken builds: how many in a row since the last false alarm */
	char *hash; /* of the patch as it was built (corpus-hash.h); NULL: nothing is patched */
	char *test; /* that failed, or the name of a kind of failure; NULL: none did */
};

#define UNBROKEN_PREFIX "unpatched-"

/*
 * The lines (of struct verdict_line) of the file PATH. The caller unrefs the array. NULL and ERROR
 * if there is no such file, or if a line of it cannot be read.
 */
GPtrArray *verdicts_read(const char *path, GError **error);

/* The line of the PATCH, or NULL. */
const struct verdict_line *verdicts_find(const GPtrArray *lines, const char *patch);

/* Was the PATCH tried as it is now, with this HASH? */
gboolean verdicts_tried(const GPtrArray *lines, const char *patch, const char *hash);

/* FALSE and ERROR if verdicts_keep() could not keep anything in the file PATH. */
gboolean verdicts_check(const char *path, GError **error);

/*
 * Adds the LINES (of struct verdict_line) to the file PATH, in place of older ones of the same
 * patch, or of the same place and case. All others stay, also those that another process adds now.
 * PATH always holds a whole file. A patch that could not be tried now keeps the verdict that it
 * had, if it has not changed. FALSE and ERROR if the file cannot be read or written; it is as it
 * was then.
 */
gboolean verdicts_keep(const char *path, const GPtrArray *lines, GError **error);

/* A copy of LINE for an array that frees it. */
void verdicts_add(GPtrArray *lines, const struct verdict_line *line);
GPtrArray *verdicts_new(void);

#endif
