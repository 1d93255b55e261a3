/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `ferry corpus run`: is each patch noticed by the cases that it names? */
#ifndef FERRY_HOST_CORPUS_CHECK_H
#define FERRY_HOST_CORPUS_CHECK_H

#include "cli/corpus-run.h"

struct check_options {
	int passes;	      /* with nothing patched */
	const char *verdicts; /* the file that keeps what is found (corpus-verdicts.h) */
	gboolean only_new;    /* leave out patches that were tried as they are now */
	gboolean unpatched;   /* try no patch, only the passes with nothing patched */
};

/* What the parts of the command share. */
struct checking {
	struct corpus *corpus;
	const GPtrArray *bugs; /* of struct bug */
	const struct check_options *options;
	gboolean unkept; /* something could not be kept */
};

/* Keeps LINES (of struct verdict_line), or tells why they are not kept. */
void check_keep(struct checking *checking, const GPtrArray *lines);

/*
 * Runs the cases that BUGS (of struct bug) name, first with nothing patched and then with each of
 * the patches. Prints what came of it, and keeps it. Returns an enum exit_status.
 */
int corpus_check(struct corpus *corpus, const GPtrArray *bugs, const struct check_options *options);

#endif
