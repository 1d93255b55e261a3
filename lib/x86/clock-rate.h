/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How to measure one clock by another. Between any two instructions the guest may lose its CPU: to
 * the VMM, to the host's other work, and in a lab to the machine that emulates the host. So no two
 * clocks can be read at one moment. What is true all the same:
 *
 * - A clock's value at the moment when another is read lies between a reading before and one after
 *   it. However long the guest stood still, that bracket is right; only its width suffers. So take
 *   the narrowest of several, and let so much time pass that the brackets at both ends are short
 *   compared with it. A result is a range, and a test fails only if all of the range is wrong. A
 *   wide range hides errors, so look how wide it is.
 * - A reading is rounded by up to one tick of the clock.
 * - NTP slews a host's clock by up to 500 ppm (adjtimex(2)), and not its TSC. Timers go by the
 *   clock. Two clocks of which one is slewed differ by MOST_SLEW_PPM. A timer that is armed by one
 *   clock, measured by another, and computed from a third, differs by TIMER_SLEW_PPM.
 * - If the host's kernel does not trust its TSC, KVM sets a vCPU's TSC back when it loads it, and
 *   then ahead to where it should be by the host's clock (kvm_guest_time_update()). It reads TSC
 *   and clock one after the other, and the guest's TSC leaps ahead by the time between. So such a
 *   TSC has no rate at all for a short while. A leap is as long as KVM was away from its CPU and
 *   does not add up, so measure again, over a longer time: it must be right once.
 * - The host may stop the guest for an action. Then a TSC or a kvmclock goes on or stands still.
 *   Ask the host (host_time()) how long that was, or whether there was any.
 */
#ifndef X86_CLOCK_RATE_H
#define X86_CLOCK_RATE_H

#include "libcflat.h"

#define PPM 1000000

#define MOST_SLEW_PPM  500
#define TIMER_SLEW_PPM (2 * MOST_SLEW_PPM)

/* The time without what a slewed timer may be early by. For ticks of any length. */
static inline u64 less_timer_slew(u64 ticks)
{
	return ticks - ticks / PPM * TIMER_SLEW_PPM;
}

/* A counter's frequency in Hz is in this range. */
struct rate {
	u64 least, most;
};

/*
 * Measures a counter of 64 bits by the library's time source, for NS nanoseconds or a little more
 * (10 ms to 3 s). The range is the wider, the longer a reading of the time source takes.
 */
struct rate counter_rate(u64 (*counter)(void), u64 ns);

/* How wide the range is, in millionths of the frequency. */
u64 rate_width_ppm(const struct rate *rate);

#endif
