// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmclock: a VMM that does not know the current clock page. A part of the program kvmclock: see
 * kvmclock.c.
 *
 * A guest may change its clock page at any time, and nobody tells the VMM. The VMM learns the
 * address when it next reads the vCPU's MSRs: late in a migration, and not at all for a pause. A
 * broken VMM or KVM uses an older address. Then it takes the time from an abandoned page, or has
 * the time written there, or restores that address.
 *
 * In these tests the guest first asks for an action. Only then does it change to another page, by
 * one instruction that does not exit to the VMM. The old page becomes a decoy: a clock page like
 * any other, but one hour ahead. Afterwards the tests check that
 *
 * - no time has come from the decoy: the clock is not an hour ahead;
 * - nobody has written to the decoy;
 * - the new page is in use: KVM writes to it when asked, and marks it with PVCLOCK_GUEST_STOPPED if
 *   the VMM has stopped the guest;
 * - the MSR holds the new address.
 *
 * The tests cannot tell a broken KVM from a broken VMM, with one exception: only KVM can have
 * written to a decoy.
 *
 * In page_moved_* each CPU changes its page once, after the request and before the action. These
 * tests see all of the above. page_moved_between_actions does so for several actions in turn: a
 * migration tells the VMM where the page is, and at the pause that follows the page is elsewhere.
 * In page_moving_* the guest changes pages back and forth until the host has answered, so that the
 * action may come at any instruction. A page is checked when the CPU leaves it.
 */
#include "atomic.h"
#include "processor.h"
#include "smp.h"
#include "x86/kvmclock/kvmclock.h"

/* An even number, so that plans that alternate two kinds of actions end with the second kind. */
#define MANY_ACTIONS 4

static struct clock_reading first_reading, last_reading;

struct hopper {
	bool hops; /* whether this CPU changes pages */
	struct pvclock_vcpu_time_info decoy;
	u64 last, count, stops, decoys_written, back, leaps;
	struct pvclock_vcpu_time_info written;
	s64 worst;
	u8 flags; /* of all pages that were read, ANDed */
};

static struct hopper hoppers[MAX_CPUS];
static bool hop_now, hop_on;

/* Turns the page that this CPU does not use into a decoy. */
static void make_decoy(struct cpu_clock *clock, struct hopper *hopper)
{
	struct pvclock_vcpu_time_info *page = other_page(clock);

	hopper->decoy = pvclock_snapshot(clock->page);
	hopper->decoy.version = DECOY_VERSION;
	hopper->decoy.system_time += DECOY_AHEAD_NS;
	hopper->decoy.flags &= ~PVCLOCK_GUEST_STOPPED;
	*page = hopper->decoy;
}

static void look_at_decoy(struct cpu_clock *clock, struct hopper *hopper)
{
	struct pvclock_vcpu_time_info *page = other_page(clock);

	if (memcmp(page, &hopper->decoy, sizeof(*page)) && !hopper->decoys_written++)
		hopper->written = *page;
}

static void look_at_time(struct cpu_clock *clock, struct hopper *hopper)
{
	u8 flags;
	u64 time = pvclock_read_flags(clock->page, &flags);
	s64 step = time - hopper->last;

	hopper->flags &= flags;
	hopper->back += step < -clock_slack(hopper->flags);
	hopper->leaps += step > DECOY_AHEAD_NS / 2;
	if (step < hopper->worst || step > DECOY_AHEAD_NS / 2)
		hopper->worst = step;
	hopper->last = time;
}

static bool is_stopped(const struct pvclock_vcpu_time_info *page)
{
	return READ_ONCE(page->flags) & PVCLOCK_GUEST_STOPPED;
}

static void hop(struct cpu_clock *clock, struct hopper *hopper)
{
	look_at_decoy(clock, hopper);
	clock_on(clock, clock->msrs, clock->page == clock->pages[0]);
	/* Now the other page is the one that was in use until now. */
	hopper->stops += is_stopped(other_page(clock));
	make_decoy(clock, hopper);
	look_at_time(clock, hopper);
	hopper->count++;
}

static void hop_here(void)
{
	hop(my_clock(), &hoppers[smp_id()]);
}

static void hop_begin(void *unused)
{
	struct hopper *hopper = &hoppers[smp_id()];
	struct cpu_clock *clock = my_clock();
	bool hops = hopper->hops;

	*hopper = (struct hopper){ .hops = hops, .last = clock_now(), .flags = 0xff };
	__atomic_fetch_and(&clock->page->flags, (u8)~PVCLOCK_GUEST_STOPPED, __ATOMIC_SEQ_CST);
	make_decoy(clock, hopper);
}

/* Other CPUs run this from before the request until after the answer. */
static void hop_when_told(void *unused)
{
	struct deadline deadline;

	deadline_start(&deadline, ANSWER_DEADLINE_MS);
	while (!READ_ONCE(hop_now) && !deadline_passed(&deadline))
		;
	do
		hop_here();
	while (READ_ONCE(hop_on) && !deadline_passed(&deadline));
}

static void hop_meanwhile(void)
{
	WRITE_ONCE(hop_now, true);
	if (hoppers[0].hops && (READ_ONCE(hop_on) || !hoppers[0].count))
		hop_here();
}

static void check_hopper(void *acted)
{
	struct hopper *hopper = &hoppers[smp_id()];
	struct cpu_clock *clock = my_clock();
	struct pvclock_vcpu_time_info *old = other_page(clock);
	int cpu = smp_id();
	u32 version;

	look_at_time(clock, hopper);
	look_at_decoy(clock, hopper);
	hopper->stops += is_stopped(clock->page);
	report(!hopper->leaps && !hopper->back,
	       "CPU %d: time went on while the page changed %lu times: %lu leaps, %lu steps back (worst step %ld ns; an abandoned page is %ld ns ahead)",
	       cpu, hopper->count, hopper->leaps, hopper->back, hopper->worst, DECOY_AHEAD_NS);
	report(!hopper->decoys_written,
	       "CPU %d: nobody wrote to an abandoned clock page (%lu times; version %u, tsc_timestamp %lu, system_time %lu, flags 0x%x at %p)",
	       cpu, hopper->decoys_written, hopper->written.version, hopper->written.tsc_timestamp,
	       hopper->written.system_time, hopper->written.flags, old);
	report_registered(clock->msrs, (u64)clock->page | KVM_MSR_ENABLED);
	if (*(bool *)acted)
		report(hopper->stops,
		       "CPU %d: KVM set PVCLOCK_GUEST_STOPPED on the page that was in use at the action",
		       cpu);
	version = pvclock_snapshot(clock->page).version;
	delay_us(UPDATE_DELAY_US);
	pvclock_register(clock->msrs, clock->page);
	report(pvclock_snapshot(clock->page).version != version,
	       "CPU %d: the page in use, %p, is written (version %u, now %u)", cpu, clock->page,
	       version, pvclock_snapshot(clock->page).version);
	look_at_decoy(clock, hopper);
	report(!hopper->decoys_written, "CPU %d: nobody wrote to the abandoned page later", cpu);
}

static void change_pages_in_action(int first, int last, bool again_and_again)
{
	bool acted;
	int cpu;

	read_clocks(&first_reading);
	hop_now = false;
	hop_on = again_and_again;
	for_each_cpu (cpu)
		hoppers[cpu].hops = cpu >= first && cpu <= last;
	on_cpus(hop_begin, NULL);
	for_each_cpu (cpu)
		if (cpu && hoppers[cpu].hops)
			on_cpu_async(cpu, hop_when_told, NULL);
	migrate_quiet_while(hop_meanwhile);
	/* The host may have answered before the guest has called this once. */
	hop_meanwhile();
	WRITE_ONCE(hop_on, false);
	for_each_cpu (cpu)
		on_cpu_wait(cpu);
	read_clocks(&last_reading);
	acted = host_acted_between(&first_reading, &last_reading);
	check_clock_elapsed(&first_reading, &last_reading, "with another page");
	for_each_cpu (cpu)
		if (hoppers[cpu].hops)
			on_cpu(cpu, check_hopper, &acted);
}

static void change_pages(int first, int last, bool again_and_again)
{
	start_clocks(pvclock_best_msrs());
	change_pages_in_action(first, last, again_and_again);
	stop_clocks();
}

TEST(page_moved_boot_cpu, .needs = KVMCLOCK,
     .about = "the boot CPU's kvmclock goes on if its clock page changes just before an action")
{
	change_pages(0, 0, false);
}

TEST(page_moved_other_cpu, .needs = ALL_OF(KVMCLOCK, SMP),
     .about = "another CPU's kvmclock goes on if its clock page changes just before an action")
{
	change_pages(cpu_count() - 1, cpu_count() - 1, false);
}

TEST(page_moved_all_cpus, .needs = KVMCLOCK,
     .about = "the kvmclocks of all CPUs go on if their clock pages change just before an action")
{
	change_pages(0, cpu_count() - 1, false);
}

TEST(page_moved_between_actions, .needs = KVMCLOCK,
     .about =
	     "the kvmclocks of all CPUs go on if their clock pages change before each of several actions")
{
	start_clocks(pvclock_best_msrs());
	for (int i = 0; i < MANY_ACTIONS; i++)
		change_pages_in_action(0, cpu_count() - 1, false);
	stop_clocks();
}

TEST(page_moving_boot_cpu, .needs = KVMCLOCK,
     .about =
	     "the boot CPU's kvmclock goes on while its clock page changes to and fro during an action")
{
	change_pages(0, 0, true);
}

TEST(page_moving_other_cpu, .needs = ALL_OF(KVMCLOCK, SMP),
     .about =
	     "another CPU's kvmclock goes on while its clock page changes to and fro during an action")
{
	change_pages(cpu_count() - 1, cpu_count() - 1, true);
}

TEST(page_moving_all_cpus, .needs = KVMCLOCK,
     .about =
	     "the kvmclocks of all CPUs go on while their clock pages change to and fro during an action")
{
	change_pages(0, cpu_count() - 1, true);
}
