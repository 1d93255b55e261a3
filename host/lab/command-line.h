/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of the script lab/NAME. It includes that of the `ferry run` inside the lab. */
#ifndef FERRY_HOST_LAB_COMMAND_LINE_H
#define FERRY_HOST_LAB_COMMAND_LINE_H

#include "lab/lab.h"

/*
 * The arguments that make a lab of this KIND run CASES (of struct test_case) as WANTED says, with
 * logs in LOGDIR, an absolute path. They begin with the script's path and end with NULL. The caller
 * frees the array with g_strfreev().
 */
char **lab_command_line(const struct lab_kind *kind, const struct lab_options *options,
			const struct settings *wanted, const GPtrArray *cases, const char *logdir);

#endif
