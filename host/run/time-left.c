// SPDX-License-Identifier: GPL-2.0-or-later
/* How long a run still takes. See time-left.h. */
#include <math.h>

#include "run/time-left.h"

/*
 * The mean starts with this many seconds that took as long as expected: one early case proves
 * little.
 */
#define BELIEF	   60
#define LEAST_PACE 0.2
#define MOST_PACE  10
/* What has overrun its time is expected to go on for this part of the time that it has run. */
#define OVERRUN 0.1
/* In this many seconds the shown time comes half of the way to a newly computed one. */
#define INERTIA 15

void time_left_ended(struct time_left *left, double expected, double took)
{
	/*
	 * The ratio of very short times means little, so it has little weight, and none if one time
	 * is 0.
	 */
	double weight = MIN(MAX(expected, 0), MAX(took, 0));

	if (weight <= 0)
		return;
	left->weights += weight;
	left->logs += weight * log(took / expected);
}

double time_left_pace(const struct time_left *left)
{
	double pace = exp(left->logs / (left->weights + BELIEF));

	return CLAMP(pace, LEAST_PACE, MOST_PACE);
}

double time_left_of(const struct time_left *left, double expected, double elapsed)
{
	double rest = expected * time_left_pace(left) - elapsed;

	return MAX(MAX(rest, elapsed * OVERRUN), 1);
}

static guint least_busy(const double *slots, unsigned count)
{
	guint least = 0;

	for (guint i = 1; i < count; i++)
		if (slots[i] < slots[least])
			least = i;
	return least;
}

double time_left_until_done(const double *machines, guint count, guint running, double spread,
			    double longest, unsigned slots)
{
	g_autofree double *busy = g_new0(double, slots);
	double all = spread, latest = longest;

	for (guint i = 0; i < count; i++) {
		guint slot = i < running && i < slots ? i : least_busy(busy, slots);

		busy[slot] += machines[i];
		latest = MAX(latest, busy[slot]);
		all += machines[i];
	}
	return MAX(latest, all / slots);
}

double time_left_tell(struct time_left *left, double seconds, double now)
{
	double passed = now - left->shown_at;

	if (!left->shown) {
		left->shown = seconds;
	} else {
		left->shown = MAX(left->shown - passed, 0);
		left->shown += (seconds - left->shown) * passed / (passed + INERTIA);
	}
	left->shown = MAX(left->shown, 1);
	left->shown_at = now;
	return left->shown;
}
