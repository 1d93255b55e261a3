/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long cases are expected to take. It is known from earlier runs on this machine, else from the
 * table durations.cfg, else it is guessed from what is known of the program and of its plan.
 */
#ifndef FERRY_HOST_RUN_DURATIONS_H
#define FERRY_HOST_RUN_DURATIONS_H

#include "report/result.h"
#include "suite/settings.h"

enum duration_source {
	DURATION_GUESSED,
	DURATION_BUILT_IN, /* from durations.cfg */
	DURATION_MEASURED, /* in earlier runs on this machine */
};

struct durations;

/*
 * What is known of cases that run on this machine, which HERE describes (accel, kernel and cpu are
 * enough), and in labs on it. Never NULL: without any file everything is guessed. WANTED, which may
 * be NULL, tells what the user wants of the guests: nothing is learned from guests with another
 * command line, another suite or more migrations than usual.
 */
struct durations *durations_open(const struct environment *here, const struct settings *wanted);

/* What durations.cfg alone tells, which is the same on every machine. It learns nothing. */
struct durations *durations_of_table(void);

/* Saves what was learned, if the cache can be written, and frees. */
void durations_close(struct durations *durations);

/*
 * The seconds that a case takes from its start to its verdict, more than 0. SOURCE may be NULL.
 * Whether the case will be skipped, and so takes no time, is for the caller to know.
 */
double expected_seconds(struct durations *durations, const struct test_case *test_case,
			enum duration_source *source);

/* The seconds that the lab LAB takes from its start until its first case runs. */
double expected_boot_seconds(struct durations *durations, const char *lab);

/*
 * Remembers how long a case took. One that failed may have taken longer or shorter than it should,
 * so it counts only where nothing better is known.
 */
void durations_learn(struct durations *durations, const struct result *result);

/* Remembers that in the lab LAB with the kernel KERNEL, a release, a case ran after SECONDS. */
void durations_learn_boot(struct durations *durations, const char *lab, const char *kernel,
			  double seconds);

#endif
