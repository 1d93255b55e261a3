/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `ferry corpus matrix` and `ferry corpus quick`: who notices which patch, and what follows. */
#ifndef FERRY_HOST_CORPUS_MATRIX_H
#define FERRY_HOST_CORPUS_MATRIX_H

#include "cli/corpus-run.h"
#include "run/matrix.h"

struct matrix_options {
	const char *path; /* of the matrix */
	char **plans;	  /* of the cases to measure */
	char **cases;	  /* patterns; NULL: all */
};

/*
 * Measures what the matrix does not hold yet of BUGS (of struct bug), and adds it as soon as it is
 * there. Those that need a companion are left out. Returns an enum exit_status.
 */
int corpus_matrix(struct corpus *corpus, const GPtrArray *bugs,
		  const struct matrix_options *options);

/*
 * Sets LINE's test to the one of RESULT that was the first to fail without explanation, or to NULL,
 * and its seconds to the time until that failure, or else until the case's end. The name is
 * RESULT's.
 */
void matrix_line_set_end(struct matrix_line *line, const struct result *result);

struct quick_options {
	const char *matrix_path, *path;
	int percent, minutes, jobs;
	gboolean heads; /* see corpus_quick() */
};

/*
 * Computes the quick set from the matrix and writes it to PATH. With `heads`, a patch of BUGS that
 * no case was measured with counts as noticed by the cases that its head names, and a case that was
 * not measured on unpatched KVM counts as passed, in the time that is expected of it. Returns an
 * enum exit_status.
 */
int corpus_quick(struct corpus *corpus, GPtrArray *bugs, const struct quick_options *options);

#endif
