// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rate
 */
#include "muldiv.h"
#include "processor.h"
#include "smp.h"
#include "x86/kvmclock/kvmclock.h"

/* The TSC at a moment of the time source: between these two. */
struct tsc_moment {
	u64 ns;
	u64 least, most;
};

struct rate_check {
	u64 least_hz, most_hz;
};

#define RATE_PROBES 8
#define RATE_NS	    (50 * NS_PER_MS)

/* The narrowest of some probes: an exit to the VMM lies in each. */
static struct tsc_moment probe(struct stopwatch *watch)
{
	struct tsc_moment best = { .most = ~0ul };

	for (int i = 0; i < RATE_PROBES; i++) {
		struct tsc_moment moment;

		moment.least = rdtsc_ordered();
		moment.ns = stopwatch_ns(watch);
		moment.most = rdtsc_ordered();
		if (moment.most - moment.least < best.most - best.least)
			best = moment;
	}
	return best;
}

static void measure_rate(void *data)
{
	struct rate_check *check = data;
	u64 tick = NS_PER_SECOND / time_source.hz + 1;
	struct tsc_moment begin, end;
	struct stopwatch watch;

	stopwatch_start(&watch);
	begin = probe(&watch);
	do
		pause();
	while (stopwatch_ns(&watch) < begin.ns + RATE_NS);
	end = probe(&watch);
	check->least_hz = mul_div(end.least - begin.most, NS_PER_SECOND, end.ns - begin.ns + tick);
	check->most_hz = mul_div(end.most - begin.least, NS_PER_SECOND, end.ns - begin.ns - tick);
}

/*
 * A KVM that computes tsc_to_system_mul or tsc_shift wrongly, or for another TSC
 * frequency than the vCPU's (TSC scaling, a move to a host with another frequency): the
 * clock page says how many ticks there are in a second, and the time source counts them.
 * Both sides of each look at the time source are taken into account. The time source is
 * the VMM's; one that runs at the wrong rate looks the same.
 */
TEST(rate_against_tsc, .on = EACH_CPU, .needs = KVMCLOCK,
     .about = "tsc_to_system_mul and tsc_shift are those of the TSC")
{
	struct pvclock_vcpu_time_info info;
	struct rate_check check;
	u64 hz, slew;

	start_clocks(pvclock_best_msrs());
	if (undisturbed(measure_rate, &check)) {
		info = pvclock_snapshot(my_clock()->page);
		hz = pvclock_tsc_hz(&info);
		slew = hz / PPM * MOST_SLEW_PPM;
		report(hz + slew >= check.least_hz && hz <= check.most_hz + slew,
		       "CPU %d: mul %u and shift %d stand for %lu Hz, %s measures %lu to %lu Hz "
		       "(tolerance %d ppm)",
		       smp_id(), info.tsc_to_system_mul, info.tsc_shift, hz, time_source_name(),
		       check.least_hz, check.most_hz, MOST_SLEW_PPM);
	}
	stop_clocks();
}

#define LONG_MS 200

static struct reading first_reading, last_reading;

/*
 * The same with what counts: time itself, over a stretch that is long against asking.
 * A reader that is wrong and a KVM that is wrong look alike here; rate_against_tsc does
 * not use the reader's arithmetic.
 */
TEST(rate_against_host, .needs = ALL_OF(KVMCLOCK, HOST_ANSWERS),
     .about = "as much time passes on all clocks as on the host's")
{
	start_clocks(pvclock_best_msrs());
	take_reading(&first_reading);
	delay_us(LONG_MS * 1000);
	take_reading(&last_reading);
	check_elapsed(&first_reading, &last_reading, "left alone");
	stop_clocks();
}
