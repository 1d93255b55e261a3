// SPDX-License-Identifier: GPL-2.0-or-later
/* See clock-order.h. */
#include "clock-order.h"
#include "processor.h"
#include "smp.h"

void clock_order_add(struct clock_order *order, u64 last, u64 time, s64 slack)
{
	s64 back = last - time;
	u64 seen;

	atomic64_inc(&order->reads);
	if (back > slack) {
		atomic64_inc(&order->back);
		if (back > order->worst) {
			order->worst = back;
			order->worst_cpu = smp_id();
		}
	}
	while ((seen = READ_ONCE(order->last)) < time && cmpxchg(&order->last, seen, time) != seen)
		;
}
