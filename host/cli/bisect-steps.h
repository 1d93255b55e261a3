/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two steps of `ferry bisect`: to build the tree (bisect-build.c), and to run (bisect-run.c).
 */
#ifndef FERRY_HOST_CLI_BISECT_STEPS_H
#define FERRY_HOST_CLI_BISECT_STEPS_H

#include "cli/bisect-options.h"
#include "run/repeat-verdict.h"

enum build_outcome {
	BUILD_DONE,
	BUILD_FAILED,	   /* this commit does not build */
	BUILD_IMPOSSIBLE,  /* nothing can be built here; the user was told why */
	BUILD_INTERRUPTED, /* by a signal */
};

/* What was built. The caller frees the strings, which are NULL if nothing was. */
struct built {
	char *commit; /* "1234abcd ("subject")" */
	char *path;   /* of a bzImage, or of QEMU */
};

enum build_outcome bisect_build(const struct bisect_options *options, struct built *built);

/* What the runs told. The caller calls bisect_seen_clear(). */
struct bisect_seen {
	struct repeat repeat;
	char *first;	  /* "svm_state/none: reason" of the first failure, or NULL */
	char *unclear;	  /* the same of the first run that tells nothing, or NULL */
	char *where;	  /* "lab amd, Linux 6.1.192, QEMU 7.2.22", or NULL */
	gboolean missing; /* this machine lacks what runs need: git must stop */
	gboolean interrupted;
};

/* Runs the cases until the answer is certain. Logs go to LOGDIR. */
void bisect_run(const struct bisect_options *options, const struct built *built, const char *logdir,
		struct bisect_seen *seen);
void bisect_seen_clear(struct bisect_seen *seen);

#endif
