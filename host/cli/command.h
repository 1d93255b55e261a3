/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The runner's subcommands, one file each, and what they share. */
#ifndef FERRY_HOST_COMMAND_H
#define FERRY_HOST_COMMAND_H

#include <glib.h>

#include "suite/suite.h"

enum exit_status {
	EXIT_ALL_PASSED = 0,
	EXIT_SOME_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_INTERRUPTED = 130,
};

struct command {
	const char *name;
	const char *about;
	/* Gets the arguments from its own name on; returns an exit status. */
	int (*run)(int argc, char **argv);
};

extern const struct command list_command, run_command, lab_command, corpus_command;

/* Prints "ferry: MESSAGE" on standard error and returns EXIT_USAGE. */
int usage_error(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* --suite and --bindir, or the project's own suite where they are NULL. */
struct suite *load_suite(const char *suite_option, const char *bindir_option, GError **error);

/* The project's known-issues.cfg. */
GPtrArray *load_known_issues(GError **error);

/* "kvm" where it works, else "tcg"; OPTION, if not NULL, insists. */
const char *choose_accel(const char *option, GError **error);

#endif
