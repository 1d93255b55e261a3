// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L1's APIC timer expires while L2 is migrated, or after the migration: intercepted (15.13.1) or
 * not, with L2 running or halted.
 */
#include "libcflat.h"
#include "apic.h"
#include "isr.h"
#include "processor.h"
#include "smp.h"
#include "x86/svm_time/svm_time.h"

struct wait {
	bool periodic, halt;
	u32 wanted, at_migration, halts;
	bool moved, came;
};

static void be_migrated_and_wait(void *data)
{
	struct wait *wait = data;

	if (wait->periodic)
		await_ticks(2);
	be_migrated_with(watch_ticks_and_migration);
	WRITE_ONCE(wait->moved, true);
	wait->at_migration = ticks_so_far();
	wait->wanted = wait->periodic ? wait->at_migration + 3 : 1;
	if (wait->halt) {
		irq_disable();
		while (ticks_so_far() < wait->wanted && !this_cpu(timer_ticks).rescued) {
			wait->halts++;
			safe_halt();
			irq_disable();
		}
		irq_enable();
	}
	wait->came = await_ticks(wait->wanted);
	watch_ticks();
	if (wait->periodic)
		apic_cleanup_timer();
	delay_us(LINGER_US);
	l2_call(HERE);
}

/*
 * The timer expires late in the migration, when the guest may stand still, or after it. CPUs and
 * rounds alternate between the two.
 */
static u64 expiry_ns(bool after)
{
	u64 percent = after || (smp_id() + current_round()) % 2 ? 130 : 90;

	return last_migration_ns() * percent / 100 + 2 * NS_PER_MS;
}

#define PERIOD_NS (10 * NS_PER_MS)

/*
 * A broken hypervisor looks for L1's interrupts only in L1; or it restores the local APIC before L2
 * and takes its interrupt for L2's; or it drops the interrupt that was about to become an exit.
 * L2's TSC is far off, so that a deadline which is compared with it comes at once or never.
 */
static void timer_in_flight(u32 mode, enum route route)
{
	struct wait wait = { .periodic = mode == APIC_LVT_TIMER_PERIODIC };
	struct l2 *l2 = l2_new(be_migrated_and_wait, &wait);
	struct arming arming = { .mode = mode };
	u32 exits, most = 1;
	u64 ns, paused;

	set_route(l2, route);
	l2->vmcb->control.tsc_offset = smp_id() % 2 ? AHEAD : BEHIND;
	begin_ticks(l2);
	arming.ns = wait.periodic ? PERIOD_NS * timescale() : expiry_ns(false);
	arm_timer(&arming);
	exits = run_to_call(l2);
	ns = stopwatch_ns(&this_cpu(timer_ticks).watch);
	report(wait.came, "%u of %u interrupts came in time (%u until the migration was over)",
	       ticks_so_far(), wait.wanted, wait.at_migration);
	if (wait.periodic)
		most = counts_at_most(&arming, ns, &paused) / arming.count;
	check_places(route, exits, wait.wanted, most);
	if (mode != APIC_LVT_TIMER_ONESHOT)
		check_first(&arming);
	end_ticks();
	l2_free(l2);
}

TEST(oneshot_intercepted, .on = EACH_CPU, .needs = SVM,
     .about =
	     "L1's one-shot APIC timer, intercepted, makes L2 exit with INTR once, across a migration")
{
	timer_in_flight(APIC_LVT_TIMER_ONESHOT, TO_L1);
}

TEST(oneshot_intercepted_always, .on = EACH_CPU, .needs = SVM,
     .about =
	     "L1's one-shot APIC timer, intercepted with V_INTR_MASKING, makes an L2 that has interrupts off exit once, across a migration")
{
	timer_in_flight(APIC_LVT_TIMER_ONESHOT, TO_L1_ALWAYS);
}

TEST(oneshot_not_intercepted, .on = EACH_CPU, .needs = SVM,
     .about =
	     "L1's one-shot APIC timer, not intercepted, interrupts L2 once and causes no exit, across a migration")
{
	timer_in_flight(APIC_LVT_TIMER_ONESHOT, TO_L2);
}

TEST(periodic_intercepted, .on = EACH_CPU, .needs = SVM,
     .about =
	     "L1's periodic timer goes on after a migration in L2, with one exit INTR for each interrupt and no other")
{
	timer_in_flight(APIC_LVT_TIMER_PERIODIC, TO_L1);
}

TEST(periodic_not_intercepted, .on = EACH_CPU, .needs = SVM,
     .about =
	     "L1's periodic timer, not intercepted, goes on after a migration in L2, and all its interrupts come to L2")
{
	timer_in_flight(APIC_LVT_TIMER_PERIODIC, TO_L2);
}

TEST(deadline_intercepted, .on = EACH_CPU, .needs = ALL_OF(SVM, TSC_DEADLINE),
     .about =
	     "L1's TSC deadline makes L2, whose TSC differs, exit once and not early, across a migration in L2")
{
	timer_in_flight(APIC_LVT_TIMER_TSCDEADLINE, TO_L1);
}

TEST(deadline_not_intercepted, .on = EACH_CPU, .needs = ALL_OF(SVM, TSC_DEADLINE),
     .about =
	     "L1's TSC deadline, not intercepted, interrupts L2, whose TSC differs, once and not early, across a migration in L2")
{
	timer_in_flight(APIC_LVT_TIMER_TSCDEADLINE, TO_L2);
}

static void take_and_be_migrated(void *data)
{
	struct wait *wait = data;

	wait->came = await_ticks(1);
	be_migrated();
	wait->at_migration = ticks_so_far();
	delay_us(LINGER_US);
	l2_call(HERE);
}

/* A broken hypervisor or VMM arms the timer by its initial count though its current count is 0. */
TEST(oneshot_kept_expired, .on = EACH_CPU, .needs = SVM,
     .about = "a one-shot APIC timer that has fired does not fire again because L2 is migrated")
{
	struct wait wait = { 0 };
	struct l2 *l2 = l2_new(take_and_be_migrated, &wait);
	struct arming arming = { .mode = APIC_LVT_TIMER_ONESHOT, .ns = NS_PER_MS };
	u32 exits;

	set_route(l2, TO_L1);
	begin_ticks(l2);
	this_cpu(timer_ticks).keep = true;
	arm_timer(&arming);
	exits = run_to_call(l2);
	report(wait.came, "it came before the migration (%u times until after it)",
	       wait.at_migration);
	check_places(TO_L1, exits, 1, 1);
	end_ticks();
	l2_free(l2);
}

/* A broken hypervisor or VMM carries the initial count and not the current one. */
TEST(oneshot_kept_armed, .on = EACH_CPU, .needs = SVM,
     .about =
	     "a one-shot APIC timer that is armed when L2 is migrated does not fire before its time")
{
	struct wait wait = { 0 };
	struct l2 *l2 = l2_new(be_migrated_and_wait, &wait);
	struct arming arming = { .mode = APIC_LVT_TIMER_ONESHOT, .ns = expiry_ns(true) };
	u32 exits;

	set_route(l2, TO_L1);
	begin_ticks(l2);
	arm_timer(&arming);
	exits = run_to_call(l2);
	check_places(TO_L1, exits, 1, 1);
	check_first(&arming);
	end_ticks();
	l2_free(l2);
}

/* ---- L2 halted ---- */

/* Another CPU wakes the halted one if nothing else does, so that the test ends. */
struct rescuer {
	int cpu;
	const struct wait *wait;
	bool over;
};

static void on_rescue(isr_regs_t *regs)
{
}

static void rescue_in_time(void *data)
{
	struct rescuer *rescuer = data;

	wait_until(READ_ONCE(rescuer->wait->moved), ANSWER_DEADLINE_MS);
	if (wait_until(READ_ONCE(rescuer->over), cpu_ptr(timer_ticks, rescuer->cpu)->patience_ms))
		return;
	WRITE_ONCE(cpu_ptr(timer_ticks, rescuer->cpu)->rescued, true);
	apic_send_ipi(rescuer->cpu, RESCUE_VECTOR);
}

/*
 * A migration carries the halt by itself, as a state of the vCPU (the "MP state"). The interrupt
 * has to wake the vCPU, and to come to L1 or L2. The timer is due only after the migration.
 */
static void halted(enum route route)
{
	struct wait wait = { .halt = true };
	struct l2 *l2 = l2_new(be_migrated_and_wait, &wait);
	struct arming arming = { .mode = APIC_LVT_TIMER_TSCDEADLINE };
	struct rescuer rescuer = { .cpu = smp_id(), .wait = &wait };
	int other = other_cpu();
	u32 exits;

	set_route(l2, route);
	begin_ticks(l2);
	handle_irq_eoi(RESCUE_VECTOR, on_rescue);
	on_cpu_async(other, rescue_in_time, &rescuer);
	arming.ns = expiry_ns(true);
	arm_timer(&arming);
	exits = run_to_call(l2);
	WRITE_ONCE(rescuer.over, true);
	on_cpu_wait(other);
	unhandle_irq(RESCUE_VECTOR);
	report(!this_cpu(timer_ticks).rescued && wait.came,
	       "the timer woke L2 after the migration%s (it halted %u times)",
	       this_cpu(timer_ticks).rescued ? ", but only with another CPU's help" : "",
	       wait.halts);
	check_places(route, exits - (route != TO_L2 && this_cpu(timer_ticks).rescued), 1, 1);
	check_first(&arming);
	end_ticks();
	l2_free(l2);
}

TEST(halted_intercepted, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP, TSC_DEADLINE),
     .about =
	     "L1's timer wakes an L2 that halted after a migration, by an exit, and L2 goes on after its HLT")
{
	halted(TO_L1);
}

TEST(halted_not_intercepted, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP, TSC_DEADLINE),
     .about =
	     "L1's timer wakes an L2 that halted after a migration, which takes the interrupt itself")
{
	halted(TO_L2);
}
