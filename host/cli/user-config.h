/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user's defaults for the options of `ferry run`, in $XDG_CONFIG_HOME/ferry/config:
 *
 *	[run]
 *	qemu = ~/qemu/build/qemu-system-x86_64
 *	keep-ram = true
 *
 * The syntax is that of unittests.cfg. A key is an option's long name. An option that may be
 * repeated has a line each time.
 */
#ifndef FERRY_HOST_USER_CONFIG_H
#define FERRY_HOST_USER_CONFIG_H

#include <glib.h>

/* The file's path. The caller frees it. */
char *user_config_path(void);

/*
 * Sets what the file says, as if it were the command line, and nothing if there is no file. TABLES,
 * ended by NULL, are the options. FALSE and ERROR, which names file and line, if something is
 * wrong.
 */
gboolean user_config_read(const GOptionEntry *const *tables, GError **error);

#endif
