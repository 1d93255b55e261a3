/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The two steps of `ferry bisect`: it builds the tree (bisect-build.c), and runs cases on what it
 * has built (bisect-run.c).
 */
#ifndef FERRY_HOST_CLI_BISECT_STEPS_H
#define FERRY_HOST_CLI_BISECT_STEPS_H

#include "cli/bisect-options.h"
#include "run/repeat-verdict.h"

enum build_outcome {
	BUILD_DONE,
	BUILD_FAILED,	   /* this commit does not build */
	BUILD_IMPOSSIBLE,  /* this machine can build no commit; the user was told why */
	BUILD_INTERRUPTED, /* by a signal */
};

/* What was built. The caller frees both strings. */
struct built {
	char *commit; /* "1234abcd ("subject")"; NULL if the build failed before it was known */
	char *path;   /* of a bzImage, or of QEMU; NULL if it was not built */
};

/* Builds the tree as it is now. BUILT is empty before. */
enum build_outcome bisect_build(const struct bisect_options *options, struct built *built);

/* What the runs have shown. The caller frees the strings with bisect_seen_clear(). */
struct bisect_seen {
	struct repeat repeat;
	char *first; /* "svm_state/none: reason" of the first case that failed, or NULL */
	/* The same of the first case that tells nothing; or why there is no answer; or NULL. */
	char *unclear;
	char *where;	      /* "lab amd, Linux 6.1.192, qemu 7.2.22", or NULL */
	gboolean missing;     /* this machine lacks something that runs need: git must stop */
	gboolean interrupted; /* by the user or a signal */
};

/*
 * Runs the cases until the answer is certain, and fills in SEEN, which is zeroed before. Logs go to
 * the folder LOGDIR.
 */
void bisect_run(const struct bisect_options *options, const struct built *built, const char *logdir,
		struct bisect_seen *seen);
void bisect_seen_clear(struct bisect_seen *seen);

#endif
