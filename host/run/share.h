/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shares cases out among lab machines so that all of them are done soonest. A case and its repeats
 * may go to different machines.
 */
#ifndef FERRY_HOST_RUN_SHARE_H
#define FERRY_HOST_RUN_SHARE_H

#include "suite/test-case.h"

/* The cases of one machine. */
struct share {
	const char *host;  /* the lab */
	const char *clock; /* of the lab, or NULL */
	GPtrArray *cases;  /* of struct test_case, in the order in which they are to run */
	double seconds;	   /* from the machine's start to the end of its last case */
};

/* What things cost, in seconds in which the whole machine is busy. */
struct share_costs {
	double (*case_seconds)(void *data, const struct test_case *test_case);
	double (*boot_seconds)(void *data, const char *host);
	void *data;
};

/*
 * The shares, struct share, of those of CASES that run in labs, if SLOTS machines run at a time.
 * The first in the array is to be started first. The caller unrefs the array.
 */
GPtrArray *share_out(GPtrArray *cases, unsigned slots, const struct share_costs *costs);

#endif
