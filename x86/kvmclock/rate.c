// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmclock: the rate. A part of the program kvmclock: see kvmclock.c. */
#include "muldiv.h"
#include "processor.h"
#include "smp.h"
#include "x86/kvmclock/kvmclock.h"

/* The TSC at a moment of the time source lies between these two. */
struct tsc_moment {
	u64 ns;
	u64 least, most;
};

struct rate_check {
	u64 least_hz, most_hz;
};

#define RATE_PROBES 8
#define RATE_NS	    (50 * NS_PER_MS)

/*
 * Probes several times and takes the narrowest result, since reading the time source exits to the
 * VMM.
 */
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
 * A broken KVM computes tsc_to_system_mul or tsc_shift wrongly, or for another TSC frequency than
 * the vCPU's: with TSC scaling, or after a migration to a host with another frequency. The clock
 * page says how many ticks the TSC makes in a second, and the test counts them by the time source.
 * It allows for the time that each look at the time source takes. It cannot tell a wrong clock page
 * from a time source that the VMM runs at a wrong rate.
 */
TEST(rate_against_tsc, .on = EACH_CPU, .needs = KVMCLOCK,
     .about = "tsc_to_system_mul and tsc_shift of a clock page fit the TSC's frequency")
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
		       "CPU %d: mul %u and shift %d stand for %lu Hz, %s measures %lu to %lu Hz (tolerance %d ppm)",
		       smp_id(), info.tsc_to_system_mul, info.tsc_shift, hz, time_source_name(),
		       check.least_hz, check.most_hz, MOST_SLEW_PPM);
	}
	stop_clocks();
}

#define LONG_MS 200

static struct clock_reading first_reading, last_reading;

/*
 * A broken KVM lets time pass too quickly or too slowly. The test compares it with the host's
 * clock over a stretch that is much longer than asking the host takes. It cannot tell a wrong
 * reader from a wrong KVM. rate_against_tsc can, as it does not use the reader's arithmetic.
 */
TEST(rate_against_host, .needs = ALL_OF(KVMCLOCK, HOST_ANSWERS),
     .about = "as much time passes on all clocks as on the host's clock")
{
	start_clocks(pvclock_best_msrs());
	take_clock_reading(&first_reading, clock_now, "kvmclock");
	delay_us(LONG_MS * 1000);
	take_clock_reading(&last_reading, clock_now, "kvmclock");
	check_clock_elapsed(&first_reading, &last_reading, "left alone");
	stop_clocks();
}
