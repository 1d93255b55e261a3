/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the script lab/NAME is started with, the `ferry run` inside the lab included. */
#ifndef FERRY_HOST_LAB_COMMAND_LINE_H
#define FERRY_HOST_LAB_COMMAND_LINE_H

#include "lab/lab.h"

/*
 * The arguments, ended by NULL, of which the first is the script's path. They have CASES (of
 * struct test_case) run in a lab of this KIND as WANTED says, with logs in LOGDIR, an absolute
 * path. The caller frees the array with g_strfreev().
 */
char **lab_command_line(const struct lab_kind *kind, const struct lab_options *options,
			const struct settings *wanted, const GPtrArray *cases, const char *logdir);

#endif
