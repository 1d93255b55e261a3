// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_stimer: messages that have to wait, or that cannot be delivered (Hyper-V TLFS,
 * "Inter-Partition Communication", "SynIC Message Page" and "SynIC MSRs"). A part of the program
 * hyperv_stimer: see hyperv_stimer.c.
 */
#include "smp.h"
#include "x86/hyperv_stimer/hyperv_stimer.h"

/*
 * Makes timer FIRST put its message into the slot, where the message stays. If that does not work,
 * fails the test and returns false.
 */
static bool occupy_slot(int first, int sint, u64 flags)
{
	struct hv_synic *synic = &this_cpu(hv_synic);
	struct hv_message *slot = hv_slot(sint);
	u32 interrupts;

	hv_sint_unmask(sint, HV_SINT_VECTOR(sint), flags);
	synic->held |= BIT(sint);
	interrupts = synic->interrupts;
	arm(first, HV_STIMER_SINT(sint), from_now(in_units(2)));
	if (!wait_until(READ_ONCE(synic->interrupts) != interrupts, PATIENCE_MS)) {
		check_once(first, "the message that is to occupy the slot");
		return false;
	}
	return report_if_failed(
		READ_ONCE(slot->header.message_type) == HVMSG_TIMER_EXPIRED &&
			slot->timer.timer_index == (u32)first,
		"CPU %d, SINT %d: an interrupt without the message of timer %d: type 0x%x, timer %u",
		smp_id(), sint, first, slot->header.message_type, slot->timer.timer_index);
}

/* The slot must still have the first message, and the second must wait without an interrupt. */
static void check_waiting(int first, int second, int sint, u32 interrupts, const char *when)
{
	const struct hv_message *slot = hv_slot(sint);
	char text[300];

	report(hv_is_pending(sint),
	       "%s: MessagePending is set in SINT %d's slot, where timer %d's message is in the way of timer %d's: flags 0x%x%s%s",
	       when, sint, first, second, slot->header.message_flags,
	       hv_is_pending(sint) ? "" : "; ",
	       hv_is_pending(sint) ? "" : state_of(second, text, sizeof(text)));
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

/* Empties the slot and says EOM. Exactly one message must follow: the one that waited. */
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
	       "one message and one interrupt follow EOM: %u interrupts, the first timer's message %u times more",
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
		wait_until(hv_is_pending(sint), PATIENCE_MS);
		check_waiting(0, 1, sint, interrupts, "busy");
		check_eom_brings(0, 1, sint);
	}
	hv_synic_stop_all();
}

/*
 * A broken hypervisor overwrites the first message, throws the second one away, does nothing at
 * EOM, or does not set MessagePending, so that the guest never says EOM. The handler sends its
 * EOI before the second timer expires. So the EOI cannot do the EOM's work.
 */
TEST(busy_slot, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "a Hyper-V timer's message for a busy slot waits: MessagePending is set, and EOM brings it once")
{
	check_busy(0);
}

/* With AutoEOI the guest sends no EOI that could do the EOM's work. */
TEST(busy_slot_auto_eoi, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "a Hyper-V timer's message for a busy slot of a SINT with AutoEOI waits, and EOM brings it once")
{
	check_busy(HV_SYNIC_SINT_AUTO_EOI);
}

/*
 * While the slot is busy, messages of a periodic timer may be left out, and nobody promises how
 * many. Afterwards the timer has to go on, and in phase. A broken hypervisor waits for the
 * acknowledgement of a message that it has not sent, and stops for good.
 */
TEST(busy_slot_periodic, .on = EACH_CPU, .needs = TIMERS,
     .about = "a periodic Hyper-V timer goes on in phase after its message slot was busy")
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
			/* If it was late, that was because the slot was busy. */
			this_cpu(timers[1]).may_come_of_an_action = (struct fault){ 0 };
			report(host_acted() || (last - this_cpu(timers[1]).first.expiration) %
							       this_cpu(timers[1]).count ==
						       0,
			       "whole periods from the first message to the last");
		}
		check_timer(1, PERIODS, AS_TIME_ALLOWS, true, "after a busy slot");
	}
	hv_synic_stop_all();
}

/*
 * TLFS: "If the SINTx is masked, the interrupt is lost". The message is not lost: it is in its
 * slot, and counts as delivered. A broken hypervisor thinks that it is not delivered, and sends
 * it again at the next EOM.
 */
TEST(masked_sint, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "a Hyper-V timer's message for a masked SINT comes without an interrupt, and only once")
{
	struct hv_message *slot, message;
	bool came;

	begin();
	slot = hv_slot(8);
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
	hv_report_strict(
		READ_ONCE(slot->header.message_type) == HVMSG_NONE,
		"EOM does not bring the same message again: type 0x%x, timer %u, expiration_time %lu, CONFIG 0x%lx",
		slot->header.message_type, slot->timer.timer_index, slot->timer.expiration_time,
		hv_stimer_config(0));
	/* From here on the message must not come again, even on a KVM that does so. */
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

/*
 * TLFS: "If the SIM page is disabled [...] the message remains queued." A broken hypervisor
 * loses the message.
 */
TEST(no_message_page, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "a Hyper-V timer's message waits while there is no message page, and an EOM brings it when there is one")
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
	check_once(0, "with the message page on again");
	end();
}

/*
 * TLFS on SCONTROL: "When clear, message queuing and event flag notifications cannot be directed to
 * this virtual processor." A broken hypervisor delivers the message anyway, or never again.
 */
TEST(scontrol_off, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "no message of a Hyper-V timer comes while SCONTROL is off; afterwards timers work again")
{
	begin();
	wrmsr(HV_X64_MSR_SCONTROL, 0);
	arm(0, HV_STIMER_SINT(SINT_OF(0)), from_now(in_units(2)));
	hv_wait_ref_count(this_cpu(timers[0]).count);
	linger(4);
	hv_report_strict(!fired(0) && !hv_messages_waiting(),
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
 * A waiting message is not in the guest's memory or registers. A hypervisor has to keep it, or has
 * to know from the registers that it must make it again. A broken hypervisor does neither. Then a
 * guest that says EOM as it should waits for ever.
 */
TEST(busy_slot_across_move, .on = EACH_CPU, .needs = TIMERS,
     .about =
	     "a Hyper-V timer's message that waits for a busy slot survives an action, and EOM brings it once")
{
	int sint = 9;
	u32 interrupts;

	begin();
	if (occupy_slot(2, sint, 0)) {
		interrupts = READ_ONCE(this_cpu(hv_synic).interrupts);
		arm(3, HV_STIMER_SINT(sint), from_now(in_units(2)));
		hv_wait_ref_count(this_cpu(timers[3]).count);
		wait_until(hv_is_pending(sint), PATIENCE_MS);
		check_waiting(2, 3, sint, interrupts, "before the action");
		migrate_quiet();
		linger(3);
		check_waiting(2, 3, sint, interrupts, "after the action");
		check_eom_brings(2, 3, sint);
	}
	hv_synic_stop_all();
}
