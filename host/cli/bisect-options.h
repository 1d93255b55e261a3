/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of `ferry bisect`, which bisect-options.c parses. */
#ifndef FERRY_HOST_CLI_BISECT_OPTIONS_H
#define FERRY_HOST_CLI_BISECT_OPTIONS_H

#include <glib.h>

struct bisect_options {
	gboolean qemu;		   /* the tree is QEMU's; otherwise it is Linux's */
	char *tree;		   /* the tree to build: an absolute path */
	char *build;		   /* the folder to build in, absolute; it need not exist */
	int jobs;		   /* for make, 1 or more */
	int repeat, bad_if;	   /* 1 <= bad_if <= repeat */
	gboolean boot_failure_bad; /* a commit that does not boot is bad, not unclear */
	char *test;	 /* a glob: only the tests that it matches decide; NULL: all tests do */
	char *logdir;	 /* each commit has its own folder for logs in it */
	char **patterns; /* of the cases to run, at least one */
	guint cases;	 /* how many cases the patterns match, 1 or more */
	char **words;	 /* further arguments for `ferry run` */
};

/*
 * Parses the options, and makes the folder for logs. The result is valid until the program ends.
 * NULL and ERROR if an option is wrong, or if the folder cannot be made.
 */
const struct bisect_options *bisect_options_parse(int argc, char **argv, GError **error);

#endif
