// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmclock: the rate of the clock. A part of the program kvmclock: see kvmclock.c. */
#include "clock-rate.h"
#include "processor.h"
#include "smp.h"
#include "x86/kvmclock/kvmclock.h"

#define FIRST_WINDOW_NS (50 * NS_PER_MS)
#define LAST_WINDOW_NS	(32 * FIRST_WINDOW_NS)

/* A wider range would not show that KVM's clock pages are wrong by 0.2 %. */
#define NARROW_PPM 1000

struct measurement {
	u64 window_ns;
	struct rate rate;
};

static void measure(void *data)
{
	struct measurement *measurement = data;

	measurement->rate = counter_rate(rdtsc_ordered, measurement->window_ns);
}

static bool fits(const struct rate *rate, u64 hz)
{
	u64 slew = hz / PPM * MOST_SLEW_PPM;

	return hz + slew >= rate->least && hz <= rate->most + slew;
}

/*
 * A broken KVM computes tsc_to_system_mul or tsc_shift wrongly, or for another TSC frequency than
 * the vCPU's: with TSC scaling, or after a migration to a host with another frequency. The clock
 * page says how many ticks the TSC makes in a second, and the test counts them by the time source
 * (clock-rate.h). It measures over longer and longer times, until the range is narrow. A TSC that
 * is not stable may leap ahead, so there a single fit is enough.
 *
 * The test cannot tell a wrong clock page from a time source that the VMM runs at a wrong rate. If
 * the host acts on the guest all the time, the range may stay wide.
 */
TEST(rate_against_tsc, .on = EACH_CPU, .needs = KVMCLOCK,
     .about = "tsc_to_system_mul and tsc_shift of a kvmclock page fit the TSC's frequency")
{
	struct measurement now = { .window_ns = FIRST_WINDOW_NS }, last;
	struct pvclock_vcpu_time_info info;
	bool good, narrow;
	u64 hz;

	start_clocks(pvclock_best_msrs());
	if (!undisturbed(measure, &now)) {
		stop_clocks();
		return;
	}
	for (;;) {
		last = now;
		info = pvclock_snapshot(my_clock()->page);
		hz = pvclock_tsc_hz(&info);
		good = fits(&last.rate, hz);
		narrow = rate_width_ppm(&last.rate) <= NARROW_PPM;
		if (good ? narrow : !!(info.flags & PVCLOCK_TSC_STABLE_BIT))
			break;
		now.window_ns *= 2;
		if (now.window_ns > LAST_WINDOW_NS || !left_alone(measure, &now, 2))
			break;
	}
	report(good,
	       "CPU %d: mul %u and shift %d stand for %lu Hz, %s measures %lu to %lu Hz in %lu ms (tolerance %d ppm)",
	       smp_id(), info.tsc_to_system_mul, info.tsc_shift, hz, time_source_name(),
	       last.rate.least, last.rate.most, last.window_ns / NS_PER_MS, MOST_SLEW_PPM);
	if (good && !narrow)
		report_info("reading %s is so slow that errors below %lu ppm are not seen",
			    time_source_name(), rate_width_ppm(&last.rate) + MOST_SLEW_PPM);
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
     .about = "as much time passes on all kvmclocks as on the host's clock")
{
	start_clocks(pvclock_best_msrs());
	read_clocks(&first_reading);
	delay_us(LONG_MS * 1000);
	read_clocks(&last_reading);
	check_clock_elapsed(&first_reading, &last_reading, "left alone");
	stop_clocks();
}
