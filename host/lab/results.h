/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The results of a lab's cases. The runner inside tells what happens there in JSON Lines
 * (report/stream.c), and this turns them back into results.
 */
#ifndef FERRY_HOST_LAB_RESULTS_H
#define FERRY_HOST_LAB_RESULTS_H

#include "lab/lab.h"

struct lab_results;

/*
 * Expects a result for each of CASES (of struct test_case) from the lab HOST. KVM is the parameters
 * that its KVM was asked to have (--kvm), or NULL. The listener is told of each.
 */
struct lab_results *lab_results_new(const char *host, const char *kvm, GPtrArray *cases,
				    const struct lab_listener *listener, void *data);
void lab_results_free(struct lab_results *results);

/*
 * Takes a LINE that the runner inside has written. Ignores what is not an event, and events of
 * cases that are not waited for.
 */
void lab_results_take(struct lab_results *results, const char *line);

/* The cases without a result, of struct test_case; belongs to RESULTS. */
const GPtrArray *lab_results_owed(const struct lab_results *results);

/* The factor by which the runner inside multiplies deadlines; 0 until it has told it. */
double lab_results_timescale(const struct lab_results *results);

/*
 * Gives every case without a result the verdict ERROR, of this KIND. If it is KIND_LAB, the
 * listener may keep those that have not begun (struct lab_listener, left). REASON is one line.
 * DETAIL is more lines, or NULL. LOGDIR is where the lab's own logs are.
 */
void lab_results_give_up(struct lab_results *results, enum failure_kind kind, const char *reason,
			 const char *detail, const char *logdir);

#endif
