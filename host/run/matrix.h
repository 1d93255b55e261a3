/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which case notices which broken KVM, and how soon: the file corpus/matrix. `ferry corpus matrix`
 * measures it; the quick set and `ferry run --budget` are computed from it.
 *
 * A line is PATCH CASE VERDICT SECONDS HASH TEST. For a case on a KVM without a patch, PATCH is
 * MATRIX_UNPATCHED. For a patch that no case could run with, CASE is MATRIX_NO_CASE. HASH tells
 * which patch and which program were measured, and TEST which test failed first ("-" for none).
 */
#ifndef FERRY_HOST_RUN_MATRIX_H
#define FERRY_HOST_RUN_MATRIX_H

#include <glib.h>

#define MATRIX_UNPATCHED "unpatched"
#define MATRIX_NO_CASE	 "*"

enum matrix_verdict {
	MATRIX_PASS,
	MATRIX_XFAIL, /* it failed, as known-issues.cfg says that it does on unpatched KVM */
	MATRIX_SKIP,
	MATRIX_FAIL,
	MATRIX_ERROR,	  /* the VMM could not do its part, or the lab died */
	MATRIX_NOT_BUILT, /* the patch does not apply or compile; for MATRIX_NO_CASE */
	MATRIX_NO_BOOT,	  /* the lab with this KVM ran no case; for MATRIX_NO_CASE */
};

struct matrix_line {
	char *patch, *case_name;
	enum matrix_verdict verdict;
	/* From the case's start to its first failed test, or else to its end. */
	double seconds;
	char *hash;
	char *test; /* the first that failed; NULL if none did */
};

struct matrix {
	GPtrArray *lines; /* of struct matrix_line */
	GHashTable *index;
};

/* What is in the file PATH; the caller frees it. NULL and ERROR if a line cannot be read. */
struct matrix *matrix_read(const char *path, GError **error);
/* The same, but empty if there is no such file. */
struct matrix *matrix_read_or_new(const char *path, GError **error);
struct matrix *matrix_new(void);
void matrix_free(struct matrix *matrix);

/* Writes the lines sorted, below a comment that explains them. PATH always holds a whole file. */
gboolean matrix_write(const struct matrix *matrix, const char *path, GError **error);

/* The line of a patch and a case, or NULL. */
const struct matrix_line *matrix_find(const struct matrix *matrix, const char *patch,
				      const char *case_name);

/* Adds a line, in place of one for the same patch and case. Strings are copied. */
void matrix_set(struct matrix *matrix, const struct matrix_line *line);
void matrix_remove(struct matrix *matrix, const char *patch, const char *case_name);

/*
 * TRUE if the line says that its case notices its patch: it failed, and it does not fail on
 * unpatched KVM. A case that was not measured there does not count.
 */
gboolean matrix_catches(const struct matrix *matrix, const struct matrix_line *line);

/* Seconds of the case on unpatched KVM; 0 if it was not measured there, failed or was skipped. */
double matrix_seconds(const struct matrix *matrix, const char *case_name);

#endif
