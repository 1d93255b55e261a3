/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arithmetic of how long a run still takes. outlook.c knows what the run does. */
#ifndef FERRY_HOST_RUN_TIME_LEFT_H
#define FERRY_HOST_RUN_TIME_LEFT_H

#include <glib.h>

/* All times are in seconds. */
struct time_left {
	/* Sums over all that has ended: of weights, and of weighted logarithms of the ratios. */
	double weights, logs;
	double shown, shown_at; /* what was last told, and when; 0: nothing yet */
};

/* Something has ended that was expected to take EXPECTED, and TOOK this long. */
void time_left_ended(struct time_left *left, double expected, double took);

/*
 * How many times longer things take in this run than was expected: the mean of the ratios of what
 * has ended. It is a geometric mean, so that one expectation from a much busier day, or one case
 * that hung, hardly counts.
 */
double time_left_pace(const struct time_left *left);

/*
 * What is left, at this pace, of something that has run for ELAPSED. If it takes longer than was
 * expected it will take a bit longer still. Never less than 1.
 */
double time_left_of(const struct time_left *left, double expected, double elapsed);

/*
 * The time until SLOTS slots are done with machines that keep a slot each, and with work that can
 * be spread over all slots. MACHINES holds the rest of COUNT machines; the first RUNNING have their
 * slots already. LONGEST is the longest piece that cannot be split.
 */
double time_left_until_done(const double *machines, guint count, guint running, double spread,
			    double longest, unsigned slots);

/*
 * The time left to tell at NOW, when SECONDS were computed. Follows the computed time within half a
 * minute or so, and does not jump with each case that ends early or late.
 */
double time_left_tell(struct time_left *left, double seconds, double now);

#endif
