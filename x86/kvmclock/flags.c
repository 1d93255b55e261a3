// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmclock: the flags in a clock page, PVCLOCK_TSC_STABLE_BIT and PVCLOCK_GUEST_STOPPED
 * (Documentation/virt/kvm/x86/msr.rst, MSR_KVM_SYSTEM_TIME_NEW). A part of the program kvmclock:
 * see kvmclock.c.
 */
#include "processor.h"
#include "smp.h"
#include "x86/kvmclock/kvmclock.h"

struct line {
	struct pvclock_vcpu_time_info info, again;
	u64 tsc;
};

static struct line lines[MAX_CPUS];

static void take_line(void *unused)
{
	struct line *line = &lines[smp_id()];

	line->info = pvclock_snapshot(this_cpu(this_clock).page);
	line->tsc = rdtsc_ordered();
}

static void take_line_again(void *unused)
{
	lines[smp_id()].again = pvclock_snapshot(this_cpu(this_clock).page);
}

static bool lines_changed(void)
{
	int cpu;

	for_each_cpu (cpu)
		if (lines[cpu].info.version != lines[cpu].again.version)
			return true;
	return false;
}

/* Both times are rounded to nanoseconds. */
#define LINE_TOLERANCE_NS 2

/*
 * A clock page describes a line: the time as a function of the TSC. A broken KVM sets
 * PVCLOCK_TSC_STABLE_BIT on clock pages that describe different lines. msr.rst says of the flag:
 * "time measures taken across multiple cpus are guaranteed to be monotonic". All CPUs then have the
 * same TSC, so their clock pages must give the same time for the same TSC.
 *
 * The test copies all clock pages twice. If no version has changed in between, all copies were
 * valid at one moment. The test sees errors that are smaller than the time of a read. The test
 * monotonic_all_cpus misses those, but it sees CPUs whose TSCs differ, which this test misses.
 */
TEST(stable_flag, .needs = KVMCLOCK_STABLE_BIT,
     .about = "all clock pages with PVCLOCK_TSC_STABLE_BIT give the same time for the same TSC")
{
	int cpu, attempt, stable = 0, off = 0;
	u64 time;

	start_clocks(pvclock_best_msrs());
	/* KVM rewrites all pages a little after the last one has been registered. */
	delay_us(UPDATE_DELAY_US);
	for (attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
		on_cpus(take_line, NULL);
		on_cpus(take_line_again, NULL);
		if (!lines_changed())
			break;
	}
	stop_clocks();
	if (attempt == MOST_ATTEMPTS) {
		report_skip("clock pages were rewritten in all of %d attempts", MOST_ATTEMPTS);
		return;
	}
	for_each_cpu (cpu)
		stable += lines[cpu].info.flags & PVCLOCK_TSC_STABLE_BIT;
	if (stable < cpu_count()) {
		report_skip("KVM sets PVCLOCK_TSC_STABLE_BIT on %d of %d CPUs", stable,
			    cpu_count());
		return;
	}
	time = pvclock_time_at(&lines[0].info, lines[0].tsc);
	for_each_cpu (cpu) {
		s64 apart = pvclock_time_at(&lines[cpu].info, lines[0].tsc) - time;

		off += !report_if_failed(
			apart >= -LINE_TOLERANCE_NS && apart <= LINE_TOLERANCE_NS,
			"CPU %d's line is %ld ns off CPU 0's at TSC %lu (tsc_timestamp %lu and %lu, system_time %lu and %lu)",
			cpu, apart, lines[0].tsc, lines[cpu].info.tsc_timestamp,
			lines[0].info.tsc_timestamp, lines[cpu].info.system_time,
			lines[0].info.system_time);
	}
	report(!off, "the clock pages of %d CPUs describe one line", cpu_count());
}

static u8 flags_seen[MAX_CPUS];

/* KVM API 4.70: "checking and clearing the flag must be an atomic operation". */
static void clear_stopped(void *unused)
{
	flags_seen[smp_id()] = __atomic_fetch_and(&this_cpu(this_clock).page->flags,
						  (u8)~PVCLOCK_GUEST_STOPPED, __ATOMIC_SEQ_CST);
}

/*
 * Waits half as long in each further attempt, since the host may act on the guest so often that it
 * disturbs every longer wait.
 */
static void stay_unstopped(void *delay)
{
	on_cpus(clear_stopped, NULL);
	on_cpus(register_again_here, NULL);
	delay_us(*(u64 *)delay);
	on_cpus(register_again_here, NULL);
	on_cpus(clear_stopped, NULL);
	*(u64 *)delay /= 2;
}

static int count_stopped(void)
{
	int cpu, stopped = 0;

	for_each_cpu (cpu)
		stopped += !!(flags_seen[cpu] & PVCLOCK_GUEST_STOPPED);
	return stopped;
}

static void report_not_stopped(const char *when)
{
	u64 delay = UPDATE_DELAY_US;
	int cpu;

	if (!undisturbed(stay_unstopped, &delay))
		return;
	for_each_cpu (cpu)
		report_if_failed(
			!(flags_seen[cpu] & PVCLOCK_GUEST_STOPPED),
			"%s: CPU %d: PVCLOCK_GUEST_STOPPED came back though nobody stopped the guest (flags 0x%x)",
			when, cpu, flags_seen[cpu]);
	report(!count_stopped(), "%s: PVCLOCK_GUEST_STOPPED stays clear on %d CPUs", when,
	       cpu_count());
}

/*
 * A broken VMM does not tell KVM that it has stopped the guest (KVM_KVMCLOCK_CTRL), or does so for
 * some vCPUs only, or before KVM knows their clock pages. A broken KVM forgets that it was told, or
 * sets the flag again after the guest has cleared it. A guest without the flag takes the pause for
 * a lockup of its own.
 *
 * The test clears the flags, asks for an action, and looks at the flags again. Each CPU looks at
 * its own flag, since KVM sets the flag when the vCPU runs next. The test cannot tell a broken VMM
 * from a broken KVM.
 */
TEST(guest_stopped, .needs = ALL_OF(KVMCLOCK, HOST_ANSWERS),
     .about =
	     "PVCLOCK_GUEST_STOPPED is set on every CPU when the VMM stops the guest, and only then")
{
	struct host_time begin, end;
	int cpu;

	start_clocks(pvclock_best_msrs());
	report_not_stopped("before");
	host_time(&begin);
	on_cpus(clear_stopped, NULL);
	migrate_quiet();
	on_cpus(clear_stopped, NULL);
	host_time(&end);
	if (end.moves != begin.moves) {
		for_each_cpu (cpu)
			report_if_failed(
				flags_seen[cpu] & PVCLOCK_GUEST_STOPPED,
				"CPU %d: PVCLOCK_GUEST_STOPPED is clear after %lu actions (flags 0x%x)",
				cpu, end.moves - begin.moves, flags_seen[cpu]);
		report(count_stopped() == cpu_count(),
		       "PVCLOCK_GUEST_STOPPED is set on %d of %d CPUs after %lu actions",
		       count_stopped(), cpu_count(), end.moves - begin.moves);
	}
	report_not_stopped("afterwards");
	stop_clocks();
}

/* ---- what must be the same before and after an action ---- */

static void look_at_line(void *unused)
{
	register_again_here(NULL);
	lines[smp_id()].again = pvclock_snapshot(this_cpu(this_clock).page);
}

/* Has KVM write all clock pages. Returns how many have PVCLOCK_TSC_STABLE_BIT. */
static int count_stable(void)
{
	int cpu, stable = 0;

	on_cpus(look_at_line, NULL);
	for_each_cpu (cpu)
		stable += lines[cpu].again.flags & PVCLOCK_TSC_STABLE_BIT;
	return stable;
}

#define ACTIONS 4

/*
 * KVM sets PVCLOCK_TSC_STABLE_BIT if the host's clock is its TSC and the vCPUs' TSCs are in step
 * (the "master clock"). An action on one host changes neither. A broken VMM or KVM restores TSCs
 * that are not in step, or a broken KVM does not set the flag again when they are. From then on the
 * guest reads its clock in a slower way, and no other test shows that.
 *
 * TSCs are also out of step if a slow VMM restores them more than a second apart. So the flag has
 * to be set after one of four actions. If it was never set, the test cannot tell anything.
 */
TEST(stable_flag_kept, .needs = ALL_OF(KVMCLOCK_STABLE_BIT, HOST_ANSWERS),
     .about = "PVCLOCK_TSC_STABLE_BIT is set after an action if it was set before it")
{
	static bool was_stable;
	int stable, actions;

	start_clocks(pvclock_best_msrs());
	delay_us(UPDATE_DELAY_US);
	stable = count_stable();
	/* The flag may have been lost in an earlier action of this boot. */
	was_stable |= stable == cpu_count();
	for (actions = 0; was_stable && actions < ACTIONS; actions++) {
		migrate_quiet();
		if (wait_until((stable = count_stable()) == cpu_count(), UPDATE_DELAY_US / 1000))
			break;
	}
	if (was_stable)
		report(stable == cpu_count(),
		       "PVCLOCK_TSC_STABLE_BIT was set on all CPUs, and is set on %d of %d after an action (the host was asked for %d actions)",
		       stable, cpu_count(), MIN(actions + 1, ACTIONS));
	else
		report_skip("KVM sets PVCLOCK_TSC_STABLE_BIT on %d of %d CPUs before any action",
			    stable, cpu_count());
	stop_clocks();
}

/* Rounding may differ if the frequency is carried in kHz. */
#define RATE_TOLERANCE_PPM 10

static bool same_rate(const struct line *line)
{
	u64 before = pvclock_tsc_hz(&line->info), after = pvclock_tsc_hz(&line->again);
	u64 tolerance = before / PPM * RATE_TOLERANCE_PPM;

	return after <= before + tolerance && before <= after + tolerance;
}

/*
 * A broken VMM does not restore the TSC's frequency, or a broken KVM computes the page for the
 * host's frequency although it scales the TSC. rate_against_tsc sees only errors that are large
 * enough to be measured. This test sees any change, since an action on one host is no reason for a
 * change. If the host's TSC changes its frequency, the clock pages are not stable, and the
 * test leaves them out.
 */
TEST(rate_kept, .needs = ALL_OF(KVMCLOCK_STABLE_BIT, HOST_ANSWERS),
     .about =
	     "tsc_to_system_mul and tsc_shift stand for the same frequency before and after an action")
{
	int cpu, changed = 0;

	start_clocks(pvclock_best_msrs());
	delay_us(UPDATE_DELAY_US);
	on_cpus(take_line, NULL);
	migrate_quiet();
	count_stable();
	stop_clocks();
	for_each_cpu (cpu) {
		const struct line *line = &lines[cpu];

		if (!(line->info.flags & line->again.flags & PVCLOCK_TSC_STABLE_BIT))
			report_info("CPU %d's clock is not stable", cpu);
		else
			changed += !report_if_failed(
				same_rate(line),
				"CPU %d: mul %u, shift %d (%lu Hz) before, mul %u, shift %d (%lu Hz) after the action",
				cpu, line->info.tsc_to_system_mul, line->info.tsc_shift,
				pvclock_tsc_hz(&line->info), line->again.tsc_to_system_mul,
				line->again.tsc_shift, pvclock_tsc_hz(&line->again));
	}
	report(!changed, "%d of %d clock pages stand for another frequency after an action",
	       changed, cpu_count());
}
