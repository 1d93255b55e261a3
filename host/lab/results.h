/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The results that a lab owes. The runner inside tells what happens there in JSON Lines
 * (report/stream.c); they are turned back into results here.
 */
#ifndef FERRY_HOST_LAB_RESULTS_H
#define FERRY_HOST_LAB_RESULTS_H

#include "lab/lab.h"

struct lab_results;

/* For CASES (of struct test_case), in the lab HOST. The listener hears of each. */
struct lab_results *lab_results_new(const char *host, GPtrArray *cases,
				    const struct lab_listener *listener, void *data);
void lab_results_free(struct lab_results *results);

/* A line of the runner inside. What is no event of a case that is owed is ignored. */
void lab_results_take(struct lab_results *results, const char *line);

/* The cases without a result, of struct test_case; belongs to RESULTS. */
const GPtrArray *lab_results_owed(const struct lab_results *results);

/* By how much the runner inside multiplies deadlines; 0 as long as it has not said anything. */
double lab_results_timescale(const struct lab_results *results);

/*
 * Every case that is still owed is an error for this REASON, one line. DETAIL, more lines, may be
 * NULL. LOGDIR is where the lab's own logs are.
 */
void lab_results_give_up(struct lab_results *results, const char *reason, const char *detail,
			 const char *logdir);

#endif
