/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the runner's own files are: the sources that it was built from, and the folder that
 * it was built into. An installed ferry (make install) has what it needs of them in
 * PREFIX/share/ferry and PREFIX/lib/ferry, and never writes there.
 */
#ifndef FERRY_HOST_UTIL_PATHS_H
#define FERRY_HOST_UTIL_PATHS_H

#include <glib.h>

/*
 * NAME in the source tree, e.g. "unittests.cfg". Relative if the source tree is the current
 * folder, so that messages stay short. The caller frees it.
 */
char *source_path(const char *name);

/* NAME in the folder that this runner was built into, e.g. "x86". The caller frees it. */
char *build_path(const char *name);

/*
 * NAME in the folder for what runs leave behind, such as "logs": where this runner was built, or
 * $XDG_STATE_HOME/ferry if it is installed. The caller frees it.
 */
char *output_path(const char *name);

/* Is this an installed ferry, which has no sources? */
gboolean paths_installed(void);

#endif
