// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_clock: the reference time beside kvmclock, where a VM has both. A part of the program
 * hyperv_clock: see hyperv_clock.c.
 *
 * The KVM API has one clock for a VM (KVM_GET_CLOCK, KVM_SET_CLOCK). KVM shows it to the guest as
 * kvmclock and as Hyper-V's reference time. Both must follow when user space sets it after a pause
 * or a migration.
 *
 * A broken KVM leaves the reference TSC page as it is when the clock is set. KVM computes the
 * reference counter by the page's line too, so the two agree: both go on through a pause in which
 * the VM's clock stands still. The test sees the difference from kvmclock change. It cannot tell
 * which of the two is wrong.
 */
#include "alloc_page.h"
#include "pvclock.h"
#include "x86/hyperv_clock/hyperv_clock.h"

#define NS_PER_TICK 100
#define ATTEMPTS    50

/* With a valid page both clocks are computed from one TSC. */
#define AGREEMENT_NS 100000
/* Without one they are computed at different times from the host's clock. */
#define LOOSE_AGREEMENT_NS 5000000

/* The reference time minus kvmclock: at least and at most. */
struct difference {
	s64 least, most;
};

/* The narrowest of some attempts: one clock is read between two reads of the other. */
static struct difference measure(const struct pvclock_vcpu_time_info *info)
{
	struct difference best = { INT64_MIN / 2, INT64_MAX / 2 };

	for (int i = 0; i < ATTEMPTS; i++) {
		s64 before = pvclock_read(info);
		s64 reference = clock_now() * NS_PER_TICK;
		s64 after = pvclock_read(info);

		if (after - before < best.most - best.least)
			best = (struct difference){ reference - after, reference - before };
	}
	return best;
}

TEST(agrees_with_kvmclock, .on = EACH_CPU, .needs = ALL_OF(HV_TIME_REF_COUNT, KVMCLOCK),
     .about =
	     "Hyper-V's reference time and kvmclock, which are one clock of KVM's, stay equally far apart")
{
	struct pvclock_vcpu_time_info *info = alloc_page();
	struct difference first, now;
	s64 apart, allowed;
	bool valid;

	pvclock_register(pvclock_best_msrs(), info);
	page_on();
	valid = wait_valid();
	first = measure(info);
	for (int action = 0; action < ACTIONS; action++) {
		migrate_quiet();
		if (broken("clock"))
			first.least = first.most += 1000 * AGREEMENT_NS;
		valid &= wait_valid();
		now = measure(info);
		allowed = valid ? AGREEMENT_NS : LOOSE_AGREEMENT_NS;
		apart = MAX(now.least - first.most, first.least - now.most);
		report(apart <= allowed,
		       "the reference time was ahead of kvmclock by %ld to %ld ns, and is by %ld to %ld ns after the action (allowed are %ld ns of difference)",
		       first.least, first.most, now.least, now.most, allowed);
	}
	page_off();
	pvclock_disable(pvclock_best_msrs());
	free_page(info);
}
