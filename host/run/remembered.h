/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Seconds that things took in earlier runs, kept in a file of the user's cache. A group of the file
 * is a host, and a key is something that it did.
 *
 * The file is only a memory. If it cannot be read or written, or is damaged, nothing is known, and
 * nobody is told. A save replaces the file as a whole, so a full disk, a killed runner and several
 * runners at once leave a whole file.
 */
#ifndef FERRY_HOST_RUN_REMEMBERED_H
#define FERRY_HOST_RUN_REMEMBERED_H

#include <glib.h>

struct remembered;

/* Reads the file NAME of the cache's folder ferry/durations. */
struct remembered *remembered_open(const char *name);

/* Saves what is new, and frees. */
void remembered_close(struct remembered *remembered);

/* TEXT without what may not be in the name of a group. The caller frees it. */
char *remembered_group_name(const char *text);

/* The group that was learned last among those whose names end with SUFFIX, or NULL. */
const char *remembered_latest(struct remembered *remembered, const char *suffix);

/* The seconds of KEY, or 0 if they are not known. GROUP may be NULL: nothing is known then. */
double remembered_seconds(struct remembered *remembered, const char *group, const char *key);

/*
 * KEY took SECONDS. WHOLE is FALSE if it did not end well, so that it may have done less than
 * usual. Then this counts only as long as nothing better is known. It is written to the file within
 * a minute or two, when the next is learned or at the close.
 */
void remembered_learn(struct remembered *remembered, const char *group, const char *key,
		      double seconds, gboolean whole);

/* Writes what is new to the file. FALSE if that failed; it is tried again later. */
gboolean remembered_save(struct remembered *remembered);

#endif
