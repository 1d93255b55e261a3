/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The quick set: the cases that `ferry run` runs when nothing else is said. It is computed from the
 * matrix by `ferry corpus quick` and kept in the file corpus/quick.
 */
#ifndef FERRY_HOST_RUN_QUICK_H
#define FERRY_HOST_RUN_QUICK_H

#include "run/matrix.h"
#include "suite/suite.h"

/* As a pattern, this means the cases of the quick set. */
#define QUICK "quick"

/* It goes first, since all other verdicts rely on what it checks. */
#define QUICK_SANITY_CASE "selftest/none"

struct quick_limits {
	/* The set must notice at least this part of the patches that all cases together notice. */
	unsigned percent;
	double seconds; /* that all cases of the set may take together, one after the other */
};

struct quick_case {
	const char *name; /* belongs to the matrix */
	double seconds;	  /* on unpatched KVM */
};

struct quick_set {
	GArray *cases;	     /* of struct quick_case, in the order in which they were chosen */
	guint covering;	     /* how many of them are there for what they notice, or for sanity */
	guint caught, total; /* patches that the set notices, and that any case does */
	guint wanted;	     /* patches that it had to notice, by its limits */
	double seconds;	     /* of all its cases */
};

/*
 * Chooses the set. The sanity case comes first. Then the case that notices most new patches in a
 * second is added, again and again, until the limits are reached. Then cases that the others have
 * made superfluous are removed, the longest first. In the time that is left, each program without a
 * case gets its shortest one. The caller calls quick_set_clear().
 */
struct quick_set quick_choose(const struct matrix *matrix, const struct quick_limits *limits);
void quick_set_clear(struct quick_set *set);

/* Writes the file corpus/quick: a case a line, and what it notices in a comment. */
gboolean quick_write(const struct quick_set *set, const struct matrix *matrix, const char *path,
		     GError **error);

/*
 * PATTERNS with the cases of the file PATH in place of the word QUICK. The caller frees the array
 * with g_strfreev(). NULL and ERROR if the file cannot be read, or names a case that is not in
 * SUITE.
 */
char **quick_expand(char **patterns, const struct suite *suite, const char *path, GError **error);

#endif
