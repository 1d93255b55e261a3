// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * messages
 */
#include "smp.h"
#include "x86/hyperv_stimer/hyperv_stimer.h"

/* Has timer `first` put its message into the slot, where it stays. False: reported. */
static bool occupy_slot(int first, int sint, u64 flags)
{
	struct hv_synic *synic = &this_cpu(hv_synic);
	struct hv_message *slot = &synic->messages->slot[sint];
	u32 interrupts;

	hv_sint_unmask(sint, HV_SINT_VECTOR(sint), flags);
	synic->held |= BIT(sint);
	interrupts = synic->interrupts;
	arm(first, HV_STIMER_SINT(sint), from_now(in_units(2)));
	if (!wait_until(READ_ONCE(synic->interrupts) != interrupts, PATIENCE_MS)) {
		check_once(first, "the message to occupy the slot");
		return false;
	}
	return report_if_failed(READ_ONCE(slot->header.message_type) == HVMSG_TIMER_EXPIRED &&
					slot->timer.timer_index == (u32)first,
				"CPU %d, SINT %d: an interrupt without the message of timer %d: "
				"type 0x%x, timer %u",
				smp_id(), sint, first, slot->header.message_type,
				slot->timer.timer_index);
}

static bool is_pending(int sint)
{
	return READ_ONCE(this_cpu(hv_synic).messages->slot[sint].header.message_flags) &
	       HV_MESSAGE_FLAG_PENDING;
}

/* The slot still has the first message; the second waits, and no interrupt came of it. */
static void check_waiting(int first, int second, int sint, u32 interrupts, const char *when)
{
	const struct hv_message *slot = &this_cpu(hv_synic).messages->slot[sint];
	char text[300];

	report(is_pending(sint),
	       "%s: MessagePending is set in SINT %d's slot, which timer %d's "
	       "message keeps from timer %d's: flags 0x%x%s%s",
	       when, sint, first, second, slot->header.message_flags, is_pending(sint) ? "" : "; ",
	       is_pending(sint) ? "" : state_of(second, text, sizeof(text)));
	report(slot->header.message_type == HVMSG_TIMER_EXPIRED &&
		       slot->timer.timer_index == (u32)first &&
		       slot->timer.expiration_time == this_cpu(timers[first]).count,
	       "%s: the slot keeps timer %d's message: type 0x%x, timer %u, expiration_time %lu",
	       when, first, slot->header.message_type, slot->timer.timer_index,
	       slot->timer.expiration_time);
	report(READ_ONCE(this_cpu(hv_synic).interrupts) == interrupts,
	       "%s: no interrupt while the slot is busy (%u)", when,
	       READ_ONCE(this_cpu(hv_synic).interrupts) - interrupts);
}

/* Empties the slot and says EOM: exactly one message follows, the one that waited. */
static void check_eom_brings(int first, int second, int sint)
{
	struct hv_synic *synic = &this_cpu(hv_synic);
	u32 interrupts = READ_ONCE(synic->interrupts);
	struct hv_message message;
	bool came;

	hv_take_message(sint, &message);
	synic->held &= ~BIT(sint);
	hv_eom();
	came = wait_fired(second, 1);
	linger(4);
	hv_eom();
	linger(2);
	report_if_failed(came, "CPU %d, SINT %d: EOM does not bring the message that waited",
			 smp_id(), sint);
	check_once(second, "after EOM");
	check_disabled_after(second);
	report(READ_ONCE(synic->interrupts) - interrupts == 1 && !fired(first),
	       "one message, one interrupt follow EOM: %u interrupts, the first timer's message "
	       "%u times more",
	       READ_ONCE(synic->interrupts) - interrupts, fired(first));
}

static void check_busy(u64 flags)
{
	int sint = 6;
	u32 interrupts;

	begin();
	if (occupy_slot(0, sint, flags)) {
		interrupts = READ_ONCE(this_cpu(hv_synic).interrupts);
		arm(1, HV_STIMER_SINT(sint), from_now(in_units(2)));
		hv_wait_ref_count(this_cpu(timers[1]).count);
		wait_until(is_pending(sint), PATIENCE_MS);
		check_waiting(0, 1, sint, interrupts, "busy");
		check_eom_brings(0, 1, sint);
	}
	hv_synic_stop_all();
}

/*
 * A hypervisor that overwrites a message, throws the second one away, does not set
 * MessagePending (a guest then never says EOM), or does nothing at EOM. The handler's EOI
 * comes before the second timer expires, so it cannot do the EOM's work.
 */
TEST(busy_slot, .on = EACH_CPU, .needs = TIMERS,
     .about = "a message for a busy slot waits: MessagePending is set, and EOM brings it, once")
{
	check_busy(0);
}

/* The same where the hypervisor does the EOI, and has no EOI of the guest to look at. */
TEST(busy_slot_auto_eoi, .on = EACH_CPU, .needs = TIMERS,
     .about = "the same for a SINT with AutoEOI")
{
	check_busy(HV_SYNIC_SINT_AUTO_EOI);
}

/*
 * A periodic timer's messages may be left out while the slot is busy, for how many is
 * nobody's promise; but then it has to go on, and in phase. A hypervisor that waits for
 * an acknowledgement of a message that it did not send stops here for good.
 */
TEST(busy_slot_periodic, .on = EACH_CPU, .needs = TIMERS,
     .about = "a periodic timer goes on in phase after its slot was busy")
{
	int sint = 7;
	struct hv_message message;
	u64 last;

	begin();
	if (occupy_slot(0, sint, 0)) {
		arm(1, HV_STIMER_SINT(sint) | HV_STIMER_PERIODIC, in_units(4));
		linger(18);
		hv_take_message(sint, &message);
		this_cpu(hv_synic).held = 0;
		hv_eom();
		if (wait_fired(1, PERIODS)) {
			hv_stimer_stop(1);
			last = this_cpu(timers[1]).last.expiration;
			/* What it was late for is no fault: it was the slot. */
			this_cpu(timers[1]).may_come_of_a_move = (struct fault){ 0 };
			report(was_moved() || (last - this_cpu(timers[1]).first.expiration) %
							      this_cpu(timers[1]).count ==
						      0,
			       "whole periods from the first message to the last");
		}
		check_timer(1, PERIODS, AS_TIME_ALLOWS, true, "after a busy slot");
	}
	hv_synic_stop_all();
}

/*
 * "If the SINTx is masked, the interrupt is lost" - the message is not: it lies in its
 * slot, and counts as delivered. A hypervisor that takes it for undelivered sends it
 * again at the next EOM.
 */
TEST(masked_sint, .on = EACH_CPU, .needs = TIMERS,
     .about = "a masked SINT's message comes without an interrupt, and only once")
{
	struct hv_message *slot = &this_cpu(hv_synic).messages->slot[8], message;
	bool came;

	begin();
	slot = &this_cpu(hv_synic).messages->slot[8];
	hv_sint_mask(8);
	arm(0, HV_STIMER_SINT(8), from_now(in_units(2)));
	came = wait_until(READ_ONCE(slot->header.message_type) != HVMSG_NONE, PATIENCE_MS);
	report(came && slot->timer.expiration_time == this_cpu(timers[0]).count,
	       "the message is in the slot: type 0x%x, expiration_time %lu (armed for %lu)",
	       slot->header.message_type, slot->timer.expiration_time, this_cpu(timers[0]).count);
	linger(4);
	report(!READ_ONCE(this_cpu(hv_synic).interrupts), "there is no interrupt: %u",
	       this_cpu(hv_synic).interrupts);
	hv_take_message(8, &message);
	hv_eom();
	linger(4);
	hv_report_strict(READ_ONCE(slot->header.message_type) == HVMSG_NONE,
			 "EOM does not bring the same message again: type 0x%x, timer %u, "
			 "expiration_time %lu, CONFIG 0x%lx",
			 slot->header.message_type, slot->timer.timer_index,
			 slot->timer.expiration_time, hv_stimer_config(0));
	/* It is to be over now in any case. */
	hv_stimer_stop(0);
	hv_take_message(8, &message);
	hv_sint_unmask(8, HV_SINT_VECTOR(8), 0);
	hv_eom();
	linger(4);
	report(!READ_ONCE(this_cpu(hv_synic).interrupts),
	       "unmasking does not bring the interrupt that was lost: %u",
	       this_cpu(hv_synic).interrupts);
	hv_synic_stop_all();
}

/* "If the SIM page is disabled [...] the message remains queued." */
TEST(no_message_page, .on = EACH_CPU, .needs = TIMERS,
     .about = "a message that finds no message page waits until there is one, and an EOM")
{
	struct hv_message_page *page;

	begin();
	page = this_cpu(hv_synic).messages;
	wrmsr(HV_X64_MSR_SIMP, (u64)page);
	arm(0, HV_STIMER_SINT(SINT_OF(0)), from_now(in_units(2)));
	hv_wait_ref_count(this_cpu(timers[0]).count);
	linger(4);
	report(!READ_ONCE(this_cpu(hv_synic).interrupts),
	       "without a message page there are no interrupts: %u", this_cpu(hv_synic).interrupts);
	wrmsr(HV_X64_MSR_SIMP, (u64)page | HV_SYNIC_ENABLE);
	hv_eom();
	wait_fired(0, 1);
	linger(4);
	check_once(0, "with the message page again");
	end();
}

/*
 * "When clear, message queuing and event flag notifications cannot be directed to this
 * virtual processor."
 */
TEST(scontrol_off, .on = EACH_CPU, .needs = TIMERS,
     .about = "while SCONTROL is off no message comes; then the timer works again")
{
	begin();
	wrmsr(HV_X64_MSR_SCONTROL, 0);
	arm(0, HV_STIMER_SINT(SINT_OF(0)), from_now(in_units(2)));
	hv_wait_ref_count(this_cpu(timers[0]).count);
	linger(4);
	hv_report_strict(!fired(0) && all_slots_empty(),
			 "SCONTROL 0x%lx, and timer %d fired %u times", rdmsr(HV_X64_MSR_SCONTROL),
			 0, fired(0));
	hv_stimer_stop(0);
	wrmsr(HV_X64_MSR_SCONTROL, HV_SYNIC_ENABLE);
	linger(2);
	hv_synic_forget();
	arm(1, HV_STIMER_SINT(SINT_OF(1)), from_now(in_units(2)));
	wait_fired(1, 1);
	check_once(1, "SCONTROL on again");
	end();
}

/*
 * The waiting message is nowhere in the guest: a hypervisor keeps it, or knows from the
 * registers that it has to make it again. If it does neither, a guest that says EOM as
 * it should waits for ever.
 */
TEST(busy_slot_across_move, .on = EACH_CPU, .needs = TIMERS,
     .about = "a message that waits for a busy slot is still waiting after a move")
{
	int sint = 9;
	u32 interrupts;

	begin();
	if (occupy_slot(2, sint, 0)) {
		interrupts = READ_ONCE(this_cpu(hv_synic).interrupts);
		arm(3, HV_STIMER_SINT(sint), from_now(in_units(2)));
		hv_wait_ref_count(this_cpu(timers[3]).count);
		wait_until(is_pending(sint), PATIENCE_MS);
		check_waiting(2, 3, sint, interrupts, "before the move");
		migrate_quiet();
		linger(3);
		check_waiting(2, 3, sint, interrupts, "after the move");
		check_eom_brings(2, 3, sint);
	}
	hv_synic_stop_all();
}
