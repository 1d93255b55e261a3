/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of `ferry run`, except its reports (report-options.h). */
#ifndef FERRY_HOST_RUN_OPTIONS_H
#define FERRY_HOST_RUN_OPTIONS_H

#include "lab/lab.h"
#include "suite/settings.h"

struct run_options {
	struct settings wanted; /* the seed is chosen already */
	char **patterns;	/* NULL: see run-cases.h */
	gboolean all;		/* all cases, if there are no patterns */
	gboolean chosen;	/* the command line says which cases run: not the quick set */
	int budget;		/* minutes that the run may take; 0: as long as it takes */
	char *rerun;		/* a results file: run what was red in it; NULL: none */
	gboolean until_fail;	/* run the cases again and again until one is red */
	char **plans;		/* in place of each program's own; NULL: the programs' own */
	char *host; /* "local" or the name of a lab; NULL: the first that can run a case */
	struct lab_options lab;
	char *logdir;	   /* NULL: the default */
	int jobs;	   /* vCPUs of all guests that run at the same time, 1 or more */
	gboolean no_skip;  /* a skipped case is a failure */
	gboolean emulated; /* this machine is a lab with an emulated CPU */
	char *in_lab;	   /* the name of the lab that this machine is; NULL: it is none */
	gboolean in_order; /* the patterns are names of cases, which run in this order */
	gboolean prefork;  /* start QEMU once and fork it for each VM */
};

/*
 * The options of a command line, good until the program ends; NULL and ERROR if one is wrong. Those
 * that it does not give are as the user's file says (user-config.h).
 */
const struct run_options *run_options_parse(int argc, char **argv, GError **error);

#endif
