/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text files with a record on each line: a fixed number of words with single spaces between them.
 * Lines that begin with '#' are comments. corpus/matrix and corpus/verdicts are such files.
 */
#ifndef FERRY_HOST_UTIL_RECORDS_H
#define FERRY_HOST_UTIL_RECORDS_H

#include <glib.h>

/*
 * Reads the file PATH, and hands the words of each record to TAKE. FORMAT has a name for each word,
 * "PATCH CASE VERDICT". TAKE returns what is wrong with the words, or NULL; it is freed here. FALSE
 * and ERROR, "PATH:LINE: what is wrong", at the first line that cannot be read.
 */
gboolean records_read(const char *path, const char *format, char *(*take)(void *data, char **words),
		      void *data, GError **error);

/*
 * Writes the LINES (of char *) to PATH, sorted, below HEAD, a comment. Lines that are equal up to
 * the first byte that is in GROUP_ENDS are a group, and an empty line stands between groups. PATH
 * always holds a whole file.
 */
gboolean records_write(const char *path, const char *head, const GPtrArray *lines,
		       const char *group_ends, GError **error);

/*
 * Sets INDEX to where WORD is in WORDS, which NULL ends. Otherwise returns "unknown verdict
 * 'passs' (did you mean 'pass'?)", where WHAT is "verdict". The caller frees it.
 */
char *record_word(const char *what, const char *word, const char *const *words, guint *index);

/* Sets SECONDS to the number WORD, 0 or more. Otherwise returns what is wrong with it. */
char *record_seconds(const char *word, double *seconds);

#endif
