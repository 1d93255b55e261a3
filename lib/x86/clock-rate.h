/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How to measure one clock by another. Between any two instructions the guest may lose its CPU: to
 * the VMM, to the host's other work, and in a lab to the machine that emulates the host. So no two
 * clocks can be read at one moment. These facts hold nevertheless:
 *
 * - Read clock A, then clock B, then A again. When B was read, A was between its two readings. This
 *   bracket is right however long the guest stood still: a stop only makes it wider. So take the
 *   narrowest of several brackets, and measure over a time that is long compared with the brackets
 *   at both ends. A result is a range, and a test fails only if all of the range is wrong. A wide
 *   range hides errors, so check how wide it is.
 * - A reading is rounded by up to one tick of the clock.
 * - NTP slews a host's clock by up to 500 ppm (adjtimex(2)), but not its TSC. The host's timers
 *   follow the clock. If one of two clocks is slewed, they differ by up to MOST_SLEW_PPM. A timer
 *   that is armed by one clock, measured by a second and computed from a third is off by up to
 *   TIMER_SLEW_PPM.
 * - If the host's kernel does not trust its TSC, KVM sets a vCPU's TSC back when it loads the vCPU,
 *   and then forward to what the host's clock implies (kvm_guest_time_update()). It reads TSC and
 *   clock one after the other, and the guest's TSC leaps ahead by the time between the two. So such
 *   a TSC has no steady rate over a short time. A leap is as long as KVM was off its CPU between
 *   the two readings, and leaps do not add up. So measure again, over a longer time: one of the
 *   results must be right.
 * - The host may stop the guest for an action. Meanwhile a TSC or a kvmclock may go on or stand
 *   still. host_time() tells how long such stops were, and whether there were any.
 */
#ifndef X86_CLOCK_RATE_H
#define X86_CLOCK_RATE_H

#include "libcflat.h"

#define PPM 1000000

#define MOST_SLEW_PPM  500
#define TIMER_SLEW_PPM (2 * MOST_SLEW_PPM)

/* How many of the ticks pass at least before a slewed timer fires. A tick may have any length. */
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
 * (10 ms to 3 s). The longer a reading of the time source takes, the wider is the range.
 */
struct rate counter_rate(u64 (*counter)(void), u64 ns);

/* How wide the range is, in millionths of the frequency. */
u64 rate_width_ppm(const struct rate *rate);

#endif
