// SPDX-License-Identifier: GPL-2.0-or-later
/* Measures clocks by the time source. See clock-rate.h. */
#include "clock-rate.h"
#include "muldiv.h"
#include "processor.h"

#define NS_PER_SECOND 1000000000ul
#define PROBES	      8

/* The counter was between `least` and `most` when the time source showed `ns`. */
struct moment {
	u64 ns;
	u64 least, most;
};

static struct moment look(u64 (*counter)(void), struct stopwatch *watch)
{
	struct moment best = { .most = ~0ul };

	for (int i = 0; i < PROBES; i++) {
		struct moment moment;

		moment.least = counter();
		moment.ns = stopwatch_ns(watch);
		moment.most = counter();
		if (moment.most - moment.least < best.most - best.least)
			best = moment;
	}
	return best;
}

struct rate counter_rate(u64 (*counter)(void), u64 ns)
{
	u64 tick = NS_PER_SECOND / time_source.hz + 1;
	struct moment begin, end;
	struct stopwatch watch;

	stopwatch_start(&watch);
	begin = look(counter, &watch);
	do
		pause();
	while (stopwatch_ns(&watch) < begin.ns + ns);
	end = look(counter, &watch);
	return (struct rate){
		.least = mul_div(end.least - begin.most, NS_PER_SECOND, end.ns - begin.ns + tick),
		.most = mul_div(end.most - begin.least, NS_PER_SECOND, end.ns - begin.ns - tick),
	};
}

u64 rate_width_ppm(const struct rate *rate)
{
	return mul_div(rate->most - rate->least, PPM, MAX(rate->least, 1ul));
}

#define TSC_NS (10 * NS_PER_SECOND / 1000)

u64 tsc_hz(void)
{
	static u64 hz;
	struct rate rate;

	if (!hz) {
		rate = counter_rate(rdtsc_ordered, TSC_NS);
		hz = rate.least + (rate.most - rate.least) / 2;
	}
	return hz;
}
