/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small helpers for messages that people read. */
#ifndef FERRY_HOST_TEXT_H
#define FERRY_HOST_TEXT_H

#include <glib.h>

/*
 * The error domain of everything that the user can mend: wrong arguments, a wrong unittests.cfg,
 * missing programs, folders that cannot be written.
 */
#define FERRY_ERROR (ferry_error_quark())
GQuark ferry_error_quark(void);

/* The entry of CHOICES, ended by NULL, whose spelling is closest to WORD; NULL if none is close. */
const char *text_closest(const char *word, const char *const *choices);

/*
 * " (did you mean 'X'?)" for the closest of CHOICES, or "; known: A, B, C" when
 * nothing is close. The caller frees the string.
 */
char *text_suggest(const char *word, const char *const *choices);

/*
 * A copy of LENGTH bytes fit to print on a terminal: control characters and
 * bytes that are not UTF-8 become \xNN. At most 200 characters, then "...".
 * The caller frees it.
 */
char *text_printable(const char *bytes, gssize length);
/* The same, with at most about MOST bytes instead of 200. */
char *text_printable_most(const char *bytes, gssize length, gsize most);

/* "1.23 s", "45 ms", "12 us": a duration in nanoseconds, for people. The caller frees it. */
char *text_duration(gint64 nanoseconds);

/* "40 s", "4 min", "1 h 10 min": as exact as a person wants it. The caller frees it. */
char *text_rough_duration(double seconds);

/*
 * A copy of TEXT in which slashes are dots, and all else but ASCII letters, ASCII digits, '_' and
 * '-' is '_': "kvmclock/precopy+tcp" is "kvmclock.precopy_tcp". The caller frees it.
 */
char *text_identifier(const char *text);

/* TRUE if NAME matches PATTERN, a glob with '*' and '?'. */
gboolean text_glob(const char *pattern, const char *name);
/* TRUE if NAME matches one of PATTERNS, ended by NULL. */
gboolean text_glob_any(char **patterns, const char *name);

/* Adds NAME to a list such as "a, b or c", which may be empty. */
void text_add_choice(GString *list, const char *name, gboolean is_last);

/*
 * For g_ptr_array_sort() and qsort(): A and B point to two strings, char *, whose bytes decide on
 * their order.
 */
int text_compare(gconstpointer a, gconstpointer b);

/* Sets NUMBER to TEXT. FALSE if TEXT is not a whole number from MINIMUM to MAXIMUM. */
gboolean text_number(const char *text, gint64 minimum, gint64 maximum, gint64 *number);

#endif
