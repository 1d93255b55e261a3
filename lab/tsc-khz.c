// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints the frequency of this machine's TSC in kHz. A lab's machine has the same TSC, but its
 * kernel can only measure it between two ticks of an emulated timer. On a busy machine the result
 * is wrong by a few percent, or by a factor of ten, and so are all clocks of the lab. This program
 * reads clock and TSC in pairs. It uses the pairs that took the least time, since nothing came
 * between their two readings.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

#define NS_PER_SEC INT64_C(1000000000)
#define MEASURE_NS 50000000
#define PAIRS	   50

struct pair {
	uint64_t tsc;
	int64_t ns;
	uint64_t took; /* TSC ticks from before the clock was read until after it */
};

static struct pair read_once(void)
{
	uint64_t before = __rdtsc();
	struct timespec now;
	uint64_t after;

	/* NTP does not correct this clock. */
	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	after = __rdtsc();
	return (struct pair){
		.tsc = before + (after - before) / 2,
		.ns = now.tv_sec * NS_PER_SEC + now.tv_nsec,
		.took = after - before,
	};
}

/* Takes the quickest of many pairs. */
static struct pair read_pair(void)
{
	struct pair best = read_once();

	for (int i = 1; i < PAIRS; i++) {
		struct pair pair = read_once();

		if (pair.took < best.took)
			best = pair;
	}
	return best;
}

int main(void)
{
	struct timespec pause = { .tv_nsec = MEASURE_NS };
	struct pair first = read_pair(), last;

	nanosleep(&pause, NULL);
	last = read_pair();
	printf("%.0f\n", (last.tsc - first.tsc) * 1e6 / (last.ns - first.ns));
	return 0;
}
