/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a clock that CPUs read one after the other ever goes back. */
#ifndef X86_CLOCK_ORDER_H
#define X86_CLOCK_ORDER_H

#include "libcflat.h"
#include "atomic.h"

/* What all readers have seen together. All 0 at first. */
struct clock_order {
	u64 last; /* the latest time that any of them has read */
	atomic64_t reads, back;
	s64 worst; /* the longest step back */
	int worst_cpu;
};

/*
 * This CPU has read `last` from order->last, and TIME from the clock after that. A step back of
 * SLACK or less does not count.
 */
void clock_order_add(struct clock_order *order, u64 last, u64 time, s64 slack);

#endif
