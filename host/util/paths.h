/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the runner's own files are: the sources that it was built from, and the folder that
 * it was built into.
 */
#ifndef FERRY_HOST_UTIL_PATHS_H
#define FERRY_HOST_UTIL_PATHS_H

/*
 * NAME in the source tree, e.g. "unittests.cfg". Relative if the source tree is the current
 * folder, so that messages stay short. The caller frees it.
 */
char *source_path(const char *name);

/* NAME in the folder that this runner was built into, e.g. "x86". The caller frees it. */
char *build_path(const char *name);

#endif
