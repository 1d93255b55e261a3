// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * timers: the local APIC's timer, one-shot, periodic and by TSC deadline (Intel SDM volume 3, "APIC
 * Timer"). A part of the program timers: see timers.c.
 */
#include "apic.h"
#include "muldiv.h"
#include "processor.h"
#include "tsc.h"
#include "x86/timers/timers.h"

/* ---- counting down ---- */

#define SLOW_DIVIDER 128

static u64 fit_count(u64 ns)
{
	return MIN(ns, mul_div((u64)UINT32_MAX * SLOW_DIVIDER, NS_PER_SECOND, apic_timer_hz()));
}

/* A time that is too long for 32 bits is counted in steps of 128. */
static void start_count(u64 ns, bool periodic)
{
	u64 count = mul_div(ns, apic_timer_hz(), NS_PER_SECOND);
	bool slow = count > UINT32_MAX;

	apic_setup_timer(TIMER_VECTOR, periodic ? APIC_LVT_TIMER_PERIODIC : APIC_LVT_TIMER_ONESHOT);
	if (slow)
		apic_write(APIC_TDCR, APIC_TDR_DIV_128);
	apic_start_timer(slow ? count / SLOW_DIVIDER : count);
}

static const struct timer_kind count_timer = {
	.name = "the APIC's timer",
	.stands_still = true,
	.fit = fit_count,
	.start = start_count,
	.stop = apic_cleanup_timer,
};

/*
 * A broken KVM starts a timer that is restored with a current count of 0 from its initial count
 * (Linux before 6.3), or forgets it. A guest that waits for a long one-shot timer alone then stands
 * still for that time.
 */
TEST(oneshot_due_in_downtime, .on = EACH_CPU,
     .about = "a one-shot APIC timer that expires during an action fires promptly after it")
{
	check_due_in_downtime(&count_timer, false, false);
}

TEST(periodic_due_in_downtime, .on = EACH_CPU,
     .about = "a periodic APIC timer that is due during an action fires promptly after it")
{
	check_due_in_downtime(&count_timer, true, false);
}

/* A VMM that does not carry the current count restarts the period. This test allows that. */
TEST(periodic_goes_on, .on = EACH_CPU,
     .about = "a periodic APIC timer fires within one period after an action")
{
	check_due_in_downtime(&count_timer, true, true);
}

/* ---- TSC deadline ---- */

static void start_deadline(u64 ns, bool periodic)
{
	apic_setup_timer(TIMER_VECTOR, APIC_LVT_TIMER_TSCDEADLINE);
	apic_arm_deadline(rdtsc_ordered() + mul_div(ns, tsc_hz(), NS_PER_SECOND));
}

static const struct timer_kind deadline_timer = {
	.name = "the TSC deadline",
	.start = start_deadline,
	.stop = apic_cleanup_timer,
};

/*
 * A broken VMM restores the deadline before the TSC, or before the LVT, and KVM computes the time
 * from the wrong one, or drops the deadline.
 */
TEST(deadline_due_in_downtime, .on = EACH_CPU, .needs = TSC_DEADLINE,
     .about = "a TSC deadline that passes during an action fires promptly after it")
{
	check_due_in_downtime(&deadline_timer, false, false);
}
