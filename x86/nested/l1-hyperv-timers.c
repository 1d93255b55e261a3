// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L1's Hyper-V synthetic timers while a nested guest runs and is migrated. svm_hyperv and
 * vmx_hyperv share this file and l1-hyperv-clock.c.
 *
 * Manuals: TLFS "Timers" and "Inter-Partition Communication" for what the timers do (see
 * hyperv_stimer.c); svm_hyperv.c and vmx_hyperv.c name the sections about who gets their
 * interrupts. A timer belongs to a CPU and a partition, whatever runs on the CPU: L2 has no timers
 * of its own here, and no enlightenments. L2's TSC does not affect the reference counter. The
 * reference TSC page is made for L1's TSC, from which L2's differs by TSC_OFFSET.
 *
 * A broken hypervisor handles its timers only while L1 runs; drops a timer's interrupt that should
 * make L2 exit, or sends it to L2 all the same; or arms the timers by a clock that it has computed
 * with L2's TSC, so that they fire early, late by days, or twice.
 *
 * How the tests see it: the interrupt's handler looks at each message, at the stack that it was
 * taken on, and at the reference counter. The tests see that a timer is late only if a deadline
 * passes.
 *
 * The library's handler drops and counts interrupts that QEMU's TCG delivers a second time
 * (hv_synic_stop_all).
 *
 * On the command line: break=WHAT, to spoil the test on purpose:
 *
 * given   L2 gets the interrupts that L1 wants
 * lost    one timer is never armed
 * early   the timers are armed for less than what is checked
 * offset  L2 has another TSC offset than what is checked
 * back    a reading of the counter is less than the one before
 * page    L1 turns the TSC page off before L2 is entered
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "apic.h"
#include "argument.h"
#include "barrier.h"
#include "console.h"
#include "host.h"
#include "hyperv.h"
#include "x86/nested/l1-hyperv.h"
#include "smp.h"

#define TIMERS	      ALL_OF(L2_TSC_OFFSET, HV_SYNIC, HV_STIMER, HV_TIME_REF_COUNT)
#define DIRECT_TIMERS ALL_OF(L2_TSC_OFFSET, HV_STIMER, HV_STIMER_DIRECT, HV_TIME_REF_COUNT)

#define SINT_OF(timer) (2 + (timer))

/* How a timer was armed, and how it fired. */
struct shot {
	u64 config, count, armed;
	u32 in_l1, in_l2;
	u64 first_seen, last_expiration;
	/* How many firings were wrong, and the first of them. */
	u32 bad;
	u64 bad_seen, bad_expiration;
};

static PER_CPU(struct shot, shots[HV_SYNIC_STIMER_COUNT]);
static PER_CPU(u32, strays);
static PER_CPU(const struct l2 *, current_l2);

static u32 fired(int timer)
{
	return READ_ONCE(this_cpu(shots[timer]).in_l1) + READ_ONCE(this_cpu(shots[timer]).in_l2);
}

static u32 all_in_l1(void)
{
	u32 sum = 0;

	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		sum += READ_ONCE(this_cpu(shots[i]).in_l1);
	return sum;
}

/* Judges by the message if there is one, and otherwise by the time of the interrupt. */
static bool is_right(const struct shot *shot, u64 expiration, u64 seen)
{
	bool message = !(shot->config & HV_STIMER_DIRECT_MODE);
	u32 before = shot->in_l1 + shot->in_l2;

	if (!shot->count || (message && seen < expiration))
		return false;
	if (!(shot->config & HV_STIMER_PERIODIC))
		return !before && seen >= shot->count && (!message || expiration == shot->count);
	if (!message)
		return seen >= shot->armed + (before + 1) * shot->count;
	return expiration >= (before ? shot->last_expiration : shot->armed) + shot->count;
}

/* Called by the library's handler, on the stack that it has interrupted. */
static void note_firing(const struct hv_arrival *arrival)
{
	bool direct = arrival->sint == HV_NO_SINT;
	u32 index = hv_fired_timer(arrival);
	u64 expiration = direct ? 0 : arrival->message.timer.expiration_time;
	struct shot *shot;

	if (index >= HV_SYNIC_STIMER_COUNT ||
	    (!direct && arrival->message.header.message_type != HVMSG_TIMER_EXPIRED)) {
		this_cpu(strays)++;
		return;
	}
	shot = &this_cpu(shots[index]);
	if ((direct != !!(shot->config & HV_STIMER_DIRECT_MODE) ||
	     !is_right(shot, expiration, arrival->seen)) &&
	    !shot->bad++) {
		shot->bad_seen = arrival->seen;
		shot->bad_expiration = expiration;
	}
	if (!fired(index))
		shot->first_seen = arrival->seen;
	shot->last_expiration = expiration;
	if (l2_owns_stack(this_cpu(current_l2), read_rsp()))
		shot->in_l2++;
	else
		shot->in_l1++;
}

static void prepare_here(void *unused)
{
	memset(&this_cpu(shots), 0, sizeof(shots));
	this_cpu(strays) = 0;
}

static void begin(struct l2 *l2)
{
	hv_synic_start_all();
	on_cpus(prepare_here, NULL);
	this_cpu(current_l2) = l2;
	this_cpu(hv_synic).on_arrival = note_firing;
	for (int timer = 0; timer < HV_SYNIC_STIMER_COUNT; timer++)
		hv_sint_unmask(SINT_OF(timer), HV_SINT_VECTOR(SINT_OF(timer)), 0);
}

static void end(struct l2 *l2)
{
	const struct hv_synic *synic = &this_cpu(hv_synic);
	u32 elsewhere = hv_synic_elsewhere();

	report(!this_cpu(strays) && synic->interrupts == synic->arrivals && !elsewhere,
	       "nothing else came: %u interrupts for %u firings, %u of no timer; other CPUs got %u",
	       synic->interrupts, synic->arrivals, this_cpu(strays), elsewhere);
	hv_synic_stop_all();
	l2_free(l2);
}

static u64 in_units(u64 n)
{
	return n * hv_unit();
}

static void arm(int timer, u64 config, u64 count)
{
	this_cpu(shots[timer]) =
		(struct shot){ .config = config, .count = count, .armed = hv_ref_count() };
	if (broken("lost") && timer == 1)
		return;
	hv_stimer_set_count(timer, broken("early") ? count - count / 2 : count);
	hv_stimer_set_config(timer, config | HV_STIMER_ENABLE);
}

static u64 message_config(int timer)
{
	return HV_STIMER_SINT(SINT_OF(timer));
}

/* ---- in L2 ---- */

/* How long the last migration took by the reference counter. */
static u64 last_migration;

static void be_migrated(void)
{
	u64 begin = hv_ref_count();

	migrate_quiet();
	last_migration = hv_ref_count() - begin;
}

struct flight {
	bool periodic;
	bool came[HV_SYNIC_STIMER_COUNT];
	u32 at_migration[HV_SYNIC_STIMER_COUNT];
};

static u32 wanted(const struct flight *flight, int timer)
{
	return flight->periodic ? flight->at_migration[timer] + 3 : 1;
}

/* A one-shot timer may be due late, since it is armed by how long the last migration took. */
static bool await_firings(int timer, u32 times)
{
	const struct shot *shot = &this_cpu(shots[timer]);
	u64 due = shot->config & HV_STIMER_PERIODIC ? 0 : shot->count, now = hv_ref_count();
	u64 ticks = due > now ? due - now : 0;

	return wait_until(fired(timer) >= times, ticks / HV_TICKS_PER_MS + PATIENCE_MS);
}

static void fly(void *data)
{
	struct flight *flight = data;

	for (int i = 0; flight->periodic && i < HV_SYNIC_STIMER_COUNT; i++)
		await_firings(i, 2);
	be_migrated();
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		flight->at_migration[i] = fired(i);
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		flight->came[i] = await_firings(i, wanted(flight, i));
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		hv_stimer_stop(i);
	hv_wait_ref_count(hv_ref_count() + in_units(3));
	l2_call(HERE);
}

/* ---- in L1 ---- */

#define MOST_INTR_EXITS 100000

/* L2's exits before its call. */
struct exits {
	u32 interrupts, for_nothing;
};

/* Enters L2. True if it has exited for an interrupt. L1 has taken the interrupt then. */
static bool enter(struct l2 *l2)
{
	bool interrupt = is_interrupt_exit(l2_enter_with_msrs(l2));

	irq_enable();
	return interrupt;
}

static struct exits run_to_call(struct l2 *l2)
{
	struct exits exits = { 0 };
	u32 before = all_in_l1();

	/* Nothing may be printed here: L2 may have been interrupted in the middle of a line. */
	while (enter(l2) && exits.interrupts < MOST_INTR_EXITS) {
		exits.interrupts++;
		exits.for_nothing += all_in_l1() == before;
		before = all_in_l1();
	}
	report_if_failed(l2_is_call(l2, HERE),
			 "after %u exits for interrupts L2 should have come to its call: exit %s",
			 exits.interrupts, l2_exit_text(l2));
	return exits;
}

static void check_exits(const struct exits *exits, bool intercepted)
{
	u32 interrupts = all_in_l1();

	report(!exits->for_nothing && exits->interrupts <= interrupts &&
		       !!exits->interrupts == intercepted,
	       "%u exits for interrupts, %u of them without an interrupt for L1; %u interrupts in L1",
	       exits->interrupts, exits->for_nothing, interrupts);
}

static void check_timer(int timer, const struct flight *flight, bool intercepted)
{
	const struct shot *shot = &this_cpu(shots[timer]);
	u32 here = intercepted ? shot->in_l1 : shot->in_l2;
	u32 elsewhere = intercepted ? shot->in_l2 : shot->in_l1;
	u32 least = wanted(flight, timer), most = 1;

	if (flight->periodic)
		most = (hv_ref_count() - shot->armed) / shot->count;
	report(flight->came[timer] && here >= least && here <= most && !elsewhere && !shot->bad,
	       "timer %d, CONFIG 0x%lx COUNT %lu, armed at %lu: fired %u times in L1, %u in L2 (%u before the migration was over), there should be %u to %u in %s; %u were wrong: the first seen at %lu, of expiration %lu",
	       timer, shot->config, shot->count, shot->armed, shot->in_l1, shot->in_l2,
	       flight->at_migration[timer], least, most, intercepted ? "L1" : "L2", shot->bad,
	       shot->bad_seen, shot->bad_expiration);
}

/* One-shots expire in, at the end of, and after a migration that takes as long as the last one. */
static void timers_in_flight(u64 (*config)(int timer), bool periodic, bool intercepted)
{
	static const int percent[HV_SYNIC_STIMER_COUNT] = { 40, 90, 110, 150 };
	struct flight flight = { .periodic = periodic };
	struct l2 *l2 = l2_new(fly, &flight);
	struct exits exits;

	if (intercepted && !broken("given"))
		intercept_interrupts(l2);
	l2_set_tsc_offset(l2, smp_id() % 2 ? AHEAD : BEHIND);
	begin(l2);
	/* Nothing may come before L2 runs. */
	hold_interrupts();
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++) {
		if (periodic)
			arm(i, config(i) | HV_STIMER_PERIODIC, in_units(10 + 3 * i));
		else
			arm(i, config(i),
			    hv_ref_count() + in_units(3) + last_migration * percent[i] / 100);
	}
	exits = run_to_call(l2);
	for (int i = 0; i < HV_SYNIC_STIMER_COUNT; i++)
		check_timer(i, &flight, intercepted);
	check_exits(&exits, intercepted);
	end(l2);
}

TEST(oneshot_intercepted, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "L1's Hyper-V one-shot timers make L2 exit and bring their message once, not early, across a migration")
{
	timers_in_flight(message_config, false, true);
}

TEST(oneshot_not_intercepted, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "L1's Hyper-V one-shot timers, not intercepted, interrupt L2 with L1's message once, not early, across a migration")
{
	timers_in_flight(message_config, false, false);
}

TEST(direct_intercepted, .on = EACH_CPU, .needs = DIRECT_TIMERS,
     .about =
	     "L1's Hyper-V one-shot timers in direct mode make L2 exit once, not early, across a migration")
{
	timers_in_flight(hv_direct_config, false, true);
}

TEST(direct_not_intercepted, .on = EACH_CPU, .needs = DIRECT_TIMERS,
     .about =
	     "L1's Hyper-V one-shot timers in direct mode, not intercepted, interrupt L2 once, not early, across a migration")
{
	timers_in_flight(hv_direct_config, false, false);
}

TEST(periodic_intercepted, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "L1's Hyper-V periodic timers go on after a migration in L2, and bring each message to L1 once, not early")
{
	timers_in_flight(message_config, true, true);
}

TEST(periodic_not_intercepted, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "L1's Hyper-V periodic timers, not intercepted, go on after a migration in L2, and interrupt L2 with each message once, not early")
{
	timers_in_flight(message_config, true, false);
}

TEST(direct_periodic_intercepted, .on = EACH_CPU, .needs = DIRECT_TIMERS,
     .about =
	     "L1's Hyper-V periodic timers in direct mode go on after a migration in L2, and make L2 exit once for each period, not early")
{
	timers_in_flight(hv_direct_config, true, true);
}

TEST(direct_periodic_not_intercepted, .on = EACH_CPU, .needs = DIRECT_TIMERS,
     .about =
	     "L1's Hyper-V periodic timers in direct mode, not intercepted, go on after a migration in L2, and interrupt L2 once for each period, not early")
{
	timers_in_flight(hv_direct_config, true, false);
}

/* ---- a message that waits for L1 ---- */

struct mailbox {
	int sint;
	bool requested, still;
	u32 early, type, flags;
	u64 expiration;
};

static bool is_requested(int sint)
{
	return apic_read_bit(APIC_IRR, HV_SINT_VECTOR(sint));
}

static void leave_it_there(void *data)
{
	struct mailbox *box = data;
	const struct hv_message *slot = hv_slot(box->sint);

	box->requested = wait_until(is_requested(box->sint), PATIENCE_MS) &&
			 hv_wait_ref_count(this_cpu(shots[1]).count + in_units(3));
	be_migrated();
	box->still = is_requested(box->sint);
	box->early = fired(0) + fired(1);
	box->type = READ_ONCE(slot->header.message_type);
	box->flags = READ_ONCE(slot->header.message_flags);
	box->expiration = slot->timer.expiration_time;
	l2_call(HERE);
}

/*
 * L2 has interrupts off. The first message is in its slot. The second waits for the slot, and only
 * the hypervisor knows of it. When L2 has exited, L1 takes both.
 */
TEST(messages_wait, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "messages of L1's Hyper-V timers that came while L2 had interrupts off wait for L1, across a migration")
{
	struct mailbox box = { .sint = SINT_OF(0) };
	struct l2 *l2 = l2_new(leave_it_there, &box);
	struct flight flight = { .came = { true, true } };
	struct exits exits;

	begin_with_interrupts_off(l2);
	l2_set_tsc_offset(l2, BEHIND);
	begin(l2);
	hold_interrupts();
	for (int i = 0; i < 2; i++)
		arm(i, HV_STIMER_SINT(box.sint), hv_ref_count() + in_units(3 + 2 * i));
	exits = run_to_call(l2);
	wait_until(fired(0) && fired(1), PATIENCE_MS);
	hv_wait_ref_count(hv_ref_count() + in_units(3));
	report(box.requested && box.still && !box.early,
	       "in L2 the interrupt was requested (%d, after the migration %d) and not taken (%u times)",
	       box.requested, box.still, box.early);
	report(box.type == HVMSG_TIMER_EXPIRED && box.expiration == this_cpu(shots[0]).count &&
		       box.flags & HV_MESSAGE_FLAG_PENDING,
	       "after the migration the slot holds timer 0's message (type 0x%x, expiration %lu, armed for %lu), and another is pending (flags 0x%x)",
	       box.type, box.expiration, this_cpu(shots[0]).count, box.flags);
	report(!exits.interrupts, "L2 had no exit for an interrupt: %u", exits.interrupts);
	for (int i = 0; i < 2; i++)
		check_timer(i, &flight, true);
	end(l2);
}
