/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interface of a subcommand. Each is one file, cli/NAME.c, and a line in main.c. */
#ifndef FERRY_HOST_COMMAND_H
#define FERRY_HOST_COMMAND_H

#include <glib.h>

/* The exit statuses of ferry. */
enum exit_status {
	EXIT_ALL_PASSED = 0,
	EXIT_SOME_FAILED = 1,
	EXIT_USAGE = 2, /* wrong usage, or something that ferry needs is missing */
	EXIT_INTERRUPTED = 130,
};

struct command {
	const char *name;
	const char *about;
	/* ARGV begins with the subcommand's own name. Returns an enum exit_status. */
	int (*run)(int argc, char **argv);
};

extern const struct command list_command, run_command, lab_command, corpus_command, results_command,
	compare_command, report_command, bisect_command, merge_command;

/* Prints "ferry: MESSAGE" on standard error and returns EXIT_USAGE. */
int usage_error(const char *format, ...) G_GNUC_PRINTF(1, 2);

#endif
