/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's clocks. */
#ifndef VMM_HOST_TIME_H
#define VMM_HOST_TIME_H

#include <stdint.h>
#include <time.h>

#define NS_PER_SECOND 1000000000ull
#define NS_PER_US     1000

/* What CLOCK, such as CLOCK_MONOTONIC, shows. */
static inline uint64_t host_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * NS_PER_SECOND + time.tv_nsec;
}

#endif
