// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmclock: the wall clock, which is the real time at which the system time was 0
 * (Documentation/virt/kvm/x86/msr.rst, MSR_KVM_WALL_CLOCK_NEW). A part of the program kvmclock: see
 * kvmclock.c.
 */
#include "alloc_page.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"
#include "x86/kvmclock/kvmclock.h"

/*
 * KVM takes wall clock and system time at one moment if the clock is stable, and otherwise one
 * after the other (see UNSTABLE_SLACK_NS).
 */
#define WALL_CLOCK_TOLERANCE_NS NS_PER_MS

struct wall_clock_check {
	const struct pvclock_msrs *msrs;
	struct pvclock_wall_clock *page;
	struct pvclock_wall_clock wall;
	u64 before, after;
	u8 flags;
	struct host_time host;
};

static void read_wall_clock(void *data)
{
	struct wall_clock_check *check = data;

	fill(check->page);
	check->wall = pvclock_wall_clock(check->msrs, check->page);
	check->before = pvclock_read_flags(this_cpu(this_clock).page, &check->flags);
	host_time(&check->host);
	check->after = clock_now();
}

static void compare_wall_clock(struct wall_clock_check *check, const char *when)
{
	s64 tolerance = WALL_CLOCK_TOLERANCE_NS;
	u64 wall, value;
	s64 early, late;

	if (!undisturbed(read_wall_clock, check))
		return;
	if (!(check->flags & PVCLOCK_TSC_STABLE_BIT))
		tolerance += UNSTABLE_SLACK_NS;
	value = rdmsr(check->msrs->wall_clock);
	report(value == (u64)check->page, "%s: CPU %d: MSR 0x%x holds 0x%lx (wrote 0x%lx)", when,
	       smp_id(), check->msrs->wall_clock, value, (u64)check->page);
	report(check->wall.nsec < NS_PER_SECOND && check->wall.version != DECOY_VERSION,
	       "%s: CPU %d: KVM wrote the wall clock: version %u, %u s, %u ns", when, smp_id(),
	       check->wall.version, check->wall.sec, check->wall.nsec);
	report_untouched(check->page, sizeof(check->wall), when);

	wall = check->wall.sec * (u64)NS_PER_SECOND + check->wall.nsec;
	early = wall + check->before - check->host.realtime;
	late = wall + check->after - check->host.realtime;
	report(early <= tolerance && late >= -tolerance,
	       "%s: CPU %d: wall clock plus system time is the host's CLOCK_REALTIME, %lu ns, give or take something between %ld and %ld ns (tolerance %ld ns)",
	       when, smp_id(), check->host.realtime, early, late, tolerance);
}

static void check_wall_clock(const struct pvclock_msrs *msrs)
{
	struct wall_clock_check check = { .msrs = msrs, .page = alloc_page() };

	start_clocks(pvclock_best_msrs());
	compare_wall_clock(&check, "at first");
	migrate_quiet();
	compare_wall_clock(&check, "later");
	pvclock_disable_wall_clock(msrs);
	stop_clocks();
	free_page(check.page);
}

/*
 * A broken KVM gives the wall clock of another moment than the one at which the system time was 0.
 * It is then off by the length of pauses, by the host's uptime, or by a time zone.
 *
 * The guest asks for the wall clock again after an action, since KVM promises it only for the
 * moment of the write. Nothing is promised about a wall clock page that stays registered during
 * an action. The test cannot tell a broken KVM from a host whose CLOCK_REALTIME is set while the
 * test runs.
 */
TEST(wall_clock_new, .on = EACH_CPU, .needs = ALL_OF(KVMCLOCK_NEW_MSRS, HOST_ANSWERS),
     .about = "the wall clock by MSR_KVM_WALL_CLOCK_NEW plus system time is the host's real time")
{
	check_wall_clock(&pvclock_new_msrs);
}

TEST(wall_clock_old, .on = EACH_CPU, .needs = ALL_OF(KVMCLOCK_OLD_MSRS, HOST_ANSWERS),
     .about = "the wall clock by MSR_KVM_WALL_CLOCK plus system time is the host's real time")
{
	check_wall_clock(&pvclock_old_msrs);
}
