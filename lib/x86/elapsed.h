/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * These functions check whether as much time passes on the clock under test as on the host. Each
 * CPU reads the clock before the guest asks for the host's time and after it has the answer. So the
 * clock's time at the moment of the answer lies in between, and nothing depends on how fast the
 * guest runs.
 */
#ifndef X86_ELAPSED_H
#define X86_ELAPSED_H

#include "libcflat.h"
#include "boot.h"
#include "clock-rate.h"

/*
 * Readings of a clock on each CPU, before and after the host told its time. Times are in ns. The
 * struct is too large for a stack.
 */
struct clock_reading {
	struct {
		u64 before, after;
		struct host_time host;
		u64 answer; /* the question's sequence number */
	} on[MAX_CPUS];
	struct host_time host; /* the host's last answer */
	bool answered;	       /* false if no runner tells the host's time */
};

/*
 * Reads the clock: each CPU calls CLOCK for itself. Also prints marks for the clock NAME, so that
 * the runner can make the same check.
 *
 * A hypervisor reads its TSC and its time one after the other. If it loses the CPU in between, the
 * guest's clock is ahead until the hypervisor reads them again (clock-rate.h). If that may happen,
 * EXCUSABLE says how far the clock may be ahead, in ns. Then each CPU's clock is read three times.
 * A later reading replaces an earlier one if it is less far ahead of the host, by up to EXCUSABLE.
 * A clock that stays ahead is not excused.
 */
void take_clock_reading(struct clock_reading *reading, u64 (*clock)(void), const char *name,
			u64 excusable);

/* Whether the host has acted on the guest between two readings. */
bool host_acted_between(const struct clock_reading *from, const struct clock_reading *to);

/*
 * Checks that between two readings the clock did not go back on any CPU, and advanced as far as the
 * host's clock. The clock may leave out the time for which the host held the guest. WHAT begins the
 * messages.
 */
void check_clock_elapsed(const struct clock_reading *from, const struct clock_reading *to,
			 const char *what);

#endif
