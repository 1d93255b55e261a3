/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program kvmclock share. Its tests are about each CPU's clock. */
#ifndef KVMCLOCK_H
#define KVMCLOCK_H

#include "libcflat.h"
#include "elapsed.h"
#include "percpu.h"
#include "pvclock.h"

#define NS_PER_MS     1000000l
#define NS_PER_SECOND 1000000000l

/*
 * Without PVCLOCK_TSC_STABLE_BIT, KVM reads TSC and time one after the other, and does so for
 * each vCPU separately. If KVM is itself a guest, its host may let others run in between: QEMU's
 * TCG with one thread for all CPUs runs each of them for 100 ms (TCG_KICK_PERIOD). Schedulers on
 * hardware take less.
 */
#define UNSTABLE_SLACK_NS (100 * NS_PER_MS)

/* By how much a clock with these flags may step back when KVM writes its page anew, in ns. */
static inline s64 clock_slack(u8 flags)
{
	return flags & PVCLOCK_TSC_STABLE_BIT ? 0 : UNSTABLE_SLACK_NS;
}

/* KVM rewrites all clock pages 100 ms after a vCPU has registered another page. */
#define UPDATE_DELAY_US 150000

/* What unused memory is filled with. It is an even version; as flags it says "not stopped". */
#define PATTERN	      0x54
#define PATTERN_WORD  0x5454545454545454ul
#define DECOY_VERSION 0x54545454

/* How far an abandoned clock page is ahead: no real error of a clock is as large. */
#define DECOY_AHEAD_NS (3600 * NS_PER_SECOND)

/* ---- each CPU's clock ---- */

struct cpu_clock {
	/* A CPU uses one of them at a time. They are whole pages, with nothing else in them. */
	struct pvclock_vcpu_time_info *pages[2];
	struct pvclock_vcpu_time_info *page; /* the one that is registered */
	const struct pvclock_msrs *msrs;
};

DECLARE_PER_CPU(struct cpu_clock, this_clock);

/* This CPU's clock; allocates its pages at the first call. */
struct cpu_clock *my_clock(void);
/* This CPU's time in ns. */
u64 clock_now(void);

/*
 * Takes a reading of all CPUs' clocks (elapsed.h). If one of them is not stable, it may be ahead by
 * UNSTABLE_SLACK_NS for a moment.
 */
void read_clocks(struct clock_reading *reading);

/* Registers pages[PAGE] with these MSRs. */
void clock_on(struct cpu_clock *clock, const struct pvclock_msrs *msrs, int page);
void clock_off(struct cpu_clock *clock);
/* The page that is not registered. */
struct pvclock_vcpu_time_info *other_page(struct cpu_clock *clock);

/* All CPUs' clocks. start_here() is for on_cpu(); its argument is a struct pvclock_msrs. */
void start_clocks(const struct pvclock_msrs *msrs);
void stop_clocks(void);
void start_here(void *msrs);

/* For on_cpu(): registers the page that is registered already. */
void register_again_here(void *unused);
/* Registers all clock pages again, twice, so that KVM writes to every page that it knows. */
void stir(void);

/* Fills a page with PATTERN; checks that nobody has written to it from offset FROM on. */
void fill(void *page);
void report_untouched(const void *page, size_t from, const char *what);

/* Checks that the MSR for the system time holds WROTE. */
void report_registered(const struct pvclock_msrs *msrs, u64 wrote);

/* How often to try again because an action of the host came in between. */
#define MOST_ATTEMPTS 20

/*
 * Calls stretch(DATA) until the host has done nothing to the guest during the call. False if none
 * of so many ATTEMPTS has succeeded.
 */
bool left_alone(void (*stretch)(void *data), void *data, int attempts);
/* The same with MOST_ATTEMPTS. Reports a skip before it returns false. */
bool undisturbed(void (*stretch)(void *data), void *data);

#endif
