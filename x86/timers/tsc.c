// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * timers: the TSC, on which a TSC deadline, kvmclock and Hyper-V's reference time depend (Intel SDM
 * volume 3, "Time-Stamp Counter"; KVM API, "KVM_SET_TSC_KHZ"). A part of the program timers: see
 * timers.c.
 *
 * Some losses in an action are not noticed at once: the TSCs of two CPUs are no longer in step, and
 * programs that compare times of two CPUs go wrong now and then; or the TSC goes at another rate.
 * An action does not change the host. So what was true before must be true after it.
 *
 * A VMM restores one vCPU's TSC after the other. KVM takes two TSCs for synchronized if they are
 * less than a second apart, by the time that has passed (kvm_synchronize_tsc()), so a very slow VMM
 * may leave them out of step. A broken hypervisor does so each time. So tscs_in_step fails only if
 * the TSCs are out of step after each of four actions.
 *
 * A host whose kernel does not trust its TSC promises nothing, and the tests are skipped.
 */
#include "barrier.h"
#include "clock-rate.h"
#include "muldiv.h"
#include "processor.h"
#include "smp.h"
#include "tsc.h"
#include "x86/timers/timers.h"

#define ACTIONS 4

#define SHORTEST_WINDOW (20 * NS_PER_MS)
#define LONGEST_WINDOW	(8 * SHORTEST_WINDOW)

/* ---- in step ---- */

#define FEWEST_ROUNDS 20
#define ROUNDS	      500

/* Two CPUs read their TSCs in turns. */
struct turns {
	bool others_turn, over;
	u64 others;
	/* By how much a reading exceeds a later one at most: the other CPU's, and this CPU's. */
	u64 ahead, behind;
	u64 rounds;
};

static void take_turns(void *data)
{
	struct turns *turns = data;
	struct deadline deadline;

	deadline_start(&deadline, ANSWER_DEADLINE_MS);
	while (!READ_ONCE(turns->over) && !deadline_passed(&deadline)) {
		if (!READ_ONCE(turns->others_turn))
			continue;
		turns->others = rdtsc_ordered();
		smp_wmb();
		WRITE_ONCE(turns->others_turn, false);
	}
}

static u64 more(u64 earlier, u64 later)
{
	return (s64)(earlier - later) > 0 ? earlier - later : 0;
}

static void compare_with(int cpu, struct turns *turns)
{
	*turns = (struct turns){ 0 };
	on_cpu_async(cpu, take_turns, turns);
	for (u64 left = scaled_count(ROUNDS, FEWEST_ROUNDS); left; left--) {
		u64 before = rdtsc_ordered();

		WRITE_ONCE(turns->others_turn, true);
		if (!wait_until(!READ_ONCE(turns->others_turn), PATIENCE_MS))
			break;
		smp_rmb();
		turns->behind = MAX(turns->behind, more(before, turns->others));
		turns->ahead = MAX(turns->ahead, more(turns->others, rdtsc_ordered()));
		turns->rounds++;
	}
	WRITE_ONCE(turns->over, true);
	on_cpu_wait(cpu);
}

/* The first CPU that is out of step with CPU 0, or -1. */
static int out_of_step(struct turns *turns)
{
	int cpu;

	for_each_cpu (cpu) {
		if (!cpu)
			continue;
		compare_with(cpu, turns);
		if (turns->ahead || turns->behind)
			return cpu;
	}
	return -1;
}

TEST(tscs_in_step, .needs = ALL_OF(SMP, TSC_IS_AHEAD),
     .about = "all CPUs' TSCs are in step after an action if they were before it")
{
	static bool were_in_step;
	struct turns turns;
	int cpu = out_of_step(&turns);

	/* An earlier action of this boot may have put the TSCs out of step already. */
	were_in_step |= cpu < 0;
	if (!were_in_step) {
		report_skip("CPU %d's TSC is out of step by %lu ticks before any action", cpu,
			    MAX(turns.ahead, turns.behind));
		return;
	}
	for (int i = 0; i < ACTIONS; i++) {
		migrate_quiet();
		cpu = out_of_step(&turns);
		if (cpu < 0)
			break;
	}
	report(cpu < 0 && turns.rounds,
	       "after an action all TSCs are in step: CPU %d's is ahead by %lu ticks, behind by %lu (%lu readings)",
	       cpu < 0 ? cpu_count() - 1 : cpu, turns.ahead, turns.behind, turns.rounds);
}

/* ---- never back, and no further than the host's clock ---- */

/*
 * A broken VMM or KVM leaves a CPU with the TSC of the new VM, which is far back, or adds the time
 * that the guest was stopped twice. The runner's answers come before the first reading and after
 * the last.
 */
TEST(tsc_goes_on, .on = EACH_CPU, .needs = ALL_OF(TSC_IS_AHEAD, HOST_ANSWERS),
     .about =
	     "a CPU's TSC does not step back in an action, and goes no further than the host's clock")
{
	struct rate rate = counter_rate(rdtsc_ordered, SHORTEST_WINDOW);
	struct host_time first, last;
	u64 before, after, most;

	host_time(&first);
	before = rdtsc_ordered();
	migrate_quiet();
	after = rdtsc_ordered();
	host_time(&last);
	most = mul_div(last.monotonic - first.monotonic, rate.most, NS_PER_SECOND);
	most += most / PPM * MOST_SLEW_PPM;
	report(after - before <= most,
	       "CPU %d's TSC went from 0x%lx to 0x%lx in an action, by %ld ticks; %lu ns have passed on the host, in which it may go %lu ticks",
	       smp_id(), before, after, (s64)(after - before), last.monotonic - first.monotonic,
	       most);
}

/* ---- rate ---- */

static bool overlap(const struct rate *one, const struct rate *other)
{
	return one->least - one->least / PPM * MOST_SLEW_PPM <= other->most &&
	       other->least - other->least / PPM * MOST_SLEW_PPM <= one->most;
}

/*
 * A broken VMM does not carry the frequency that it was started with, or a broken KVM applies its
 * ratio to one vCPU alone, or twice. If the host takes the CPU away at the wrong moment, a
 * measurement is off. So the test measures again, over longer times.
 */
TEST(tsc_keeps_rate, .on = EACH_CPU, .needs = TSC_IS_AHEAD,
     .about = "a CPU's TSC goes at the same rate before and after an action")
{
	struct rate before = counter_rate(rdtsc_ordered, SHORTEST_WINDOW), after;
	u64 window;

	migrate_quiet();
	for (window = SHORTEST_WINDOW; window <= LONGEST_WINDOW; window *= 2) {
		after = counter_rate(rdtsc_ordered, window);
		if (overlap(&before, &after))
			break;
	}
	report(overlap(&before, &after),
	       "CPU %d's TSC: %lu to %lu Hz before the action, %lu to %lu Hz after it (tolerance %d ppm)",
	       smp_id(), before.least, before.most, after.least, after.most, MOST_SLEW_PPM);
}
