/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of `ferry bisect`. */
#ifndef FERRY_HOST_CLI_BISECT_OPTIONS_H
#define FERRY_HOST_CLI_BISECT_OPTIONS_H

#include <glib.h>

struct bisect_options {
	gboolean qemu;	    /* the tree is QEMU's; else it is Linux' */
	char *tree;	    /* absolute path */
	char *build;	    /* the folder to build in, absolute; it need not exist */
	int jobs;	    /* for make, 1 or more */
	int repeat, bad_if; /* 1 <= bad_if <= repeat */
	gboolean boot_failure_bad;
	char *test;	 /* a glob: these tests alone decide; NULL: all decide */
	char *logdir;	 /* each commit has a folder below it */
	char **patterns; /* of cases, one at least */
	guint cases;	 /* how many they match, 1 or more */
	char **words;	 /* further words of `ferry run` */
};

/* The options, good until the program ends. NULL and ERROR if one is wrong. */
const struct bisect_options *bisect_options_parse(int argc, char **argv, GError **error);

#endif
