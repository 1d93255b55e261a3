/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is left to measure for corpus/matrix, the most valuable first:
 *
 * 1. with each patch the cases that its head names,
 * 2. all cases of the first plan, then those of the next,
 * 3. the same with those programs that have several vCPUs where another variant has one.
 *
 * Within each of these steps unpatched KVM comes first, then patches that nothing has noticed yet,
 * and families of patches (hv_*, svm_*, ...) take turns. What is stale is measured again at the
 * end.
 */
#ifndef FERRY_HOST_MATRIX_TASKS_H
#define FERRY_HOST_MATRIX_TASKS_H

#include "cli/corpus-bug.h"
#include "run/matrix.h"
#include "suite/test-case.h"

struct matrix_tasks;

/* Cases to run with one build of KVM. */
struct matrix_task {
	const struct bug *bug; /* NULL: unpatched KVM */
	GPtrArray *cases;      /* of struct test_case; they belong to the tasks */
};

/*
 * BUGS of struct bug, CASES of struct test_case; PLANS are the names of their plans in order. All
 * outlive the tasks. The matrix is read anew at each call, so what was measured meanwhile is known.
 */
struct matrix_tasks *matrix_tasks_new(const struct matrix *matrix, GPtrArray *bugs,
				      GPtrArray *cases, char **plans);
void matrix_tasks_free(struct matrix_tasks *tasks);

/* The next task; FALSE if nothing is left that was not tried. The caller unrefs its `cases`. */
gboolean matrix_tasks_next(struct matrix_tasks *tasks, struct matrix_task *task);

/* What is known of the whole: lines that there are, that there will be, and that are stale. */
struct matrix_progress {
	guint done, all, stale;
	double seconds_left; /* of one lab, when all goes as on unpatched KVM */
};
struct matrix_progress matrix_tasks_progress(struct matrix_tasks *tasks);

/*
 * TRUE if the patch's head names the case, or the same program with several vCPUs: NAME_up runs the
 * tests of NAME.
 */
gboolean matrix_is_named(const struct bug *bug, const struct test_case *test_case);

/* The hash of a line for this bug (or NULL) and this case. The caller frees it. */
char *matrix_hash(const struct bug *bug, const struct test_case *test_case);

#endif
