/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which Ferry this is. */
#ifndef FERRY_HOST_UTIL_VERSION_H
#define FERRY_HOST_UTIL_VERSION_H

/* What the file VERSION says: "0.1". */
extern const char ferry_release[];
/* What `git describe` said when the runner was built: "3a83808", "3a83808-dirty"; "" without git.
 */
extern const char ferry_commit[];

/*
 * The version that results name: the commit, or the release if the runner was not built from a
 * clone.
 */
const char *ferry_version(void);

#endif
