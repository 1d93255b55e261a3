// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_stimer: Hyper-V's synthetic timers. Every CPU has four. They are one-shot or periodic.
 * When they expire they send a message to a SynIC slot, or raise an interrupt in direct mode.
 *
 * Specification: Hyper-V TLFS, "Timers", sections "Synthetic Timers" and "Synthetic Timer MSRs";
 * for messages, slots and EOM "Inter-Partition Communication". In short: a timer never fires
 * before its expiration, and may fire any time after it. The count of a one-shot timer is a
 * moment of the reference counter. The count of a periodic timer is a length, which begins when
 * the timer is enabled. A count of 0 stops a timer.
 *
 * How the tests see a broken hypervisor: the interrupt handler checks every message against what
 * the timer was armed with, and against the message before (note_message()). A timer is early if it
 * fires before its time by the reference counter. Waits have deadlines by the library's time
 * source. If a timer does not fire by then, the test fails, and reports what the timer was armed
 * with and what its registers hold now. How late a timer is does not matter: a test cannot tell a
 * slow hypervisor from a busy host.
 *
 * In an action of the host (a live migration, a pause, a reset, a save and restore) a hypervisor
 * may lose the phase of a periodic timer, of which the TLFS says nothing, and may leave out an
 * expiration for which it is too late. Neither may happen for no reason. So the tests ask the
 * runner whether there was an action meanwhile, and are strict if there was none.
 *
 * KVM is known to differ from the TLFS as follows (Linux 6.1, arch/x86/kvm/hyperv.c). The tests
 * check it by hv_report_strict():
 * - A timer that is enabled and given SINT 0 in one write stays enabled. KVM disables it only if it
 *   was enabled before (stimer_set_config() looks at the old Enable; stimer_set_count() does not
 *   look at the SINT).
 * - A message for a masked SINT counts as not delivered, and comes again with the next EOM
 *   (synic_set_irq() fails, and stimer_send_msg() with it).
 * - SCONTROL keeps its value, but messages are delivered whether it is on or off.
 *
 * The tests are in the other files of this folder. This one has what they share: what a timer
 * does.
 */
#include "libcflat.h"

#include "processor.h"
#include "smp.h"
#include "x86/hyperv_stimer/hyperv_stimer.h"

PER_CPU(struct timer, timers[HV_SYNIC_STIMER_COUNT]);
PER_CPU(u32, strays);

static void set_fault(struct timer *timer, enum fault_kind kind, u64 is, u64 should)
{
	struct fault *fault = kind >= OFF_PHASE ? &timer->may_come_of_an_action : &timer->fault;

	if (!fault->kind)
		*fault = (struct fault){ kind, timer->fired + 1, is, should };
}

static void note_period(struct timer *timer, const struct firing *now)
{
	u64 passed = now->expiration - timer->last.expiration;

	if (!timer->fired) {
		if (now->expiration < timer->armed_before + timer->count)
			set_fault(timer, TOO_SOON, now->expiration,
				  timer->armed_before + timer->count);
		return;
	}
	if (!passed)
		set_fault(timer, TWICE, now->expiration, timer->last.expiration);
	else if ((s64)passed < (s64)timer->count)
		set_fault(timer, TOO_SOON, now->expiration, timer->last.expiration + timer->count);
	if (passed % timer->count) {
		timer->shift = passed % timer->count;
		set_fault(timer, OFF_PHASE, now->expiration, timer->last.expiration);
	} else if (passed > timer->count &&
		   timer->last.drained < timer->last.expiration + timer->count) {
		set_fault(timer, SKIPPED, now->expiration, timer->last.expiration + timer->count);
	}
}

static void note_message(struct timer *timer, const struct hv_arrival *arrival,
			 const struct firing *now)
{
	const struct hv_message_header *header = &arrival->message.header;

	if (header->message_type != HVMSG_TIMER_EXPIRED)
		set_fault(timer, WRONG_MESSAGE, header->message_type, HVMSG_TIMER_EXPIRED);
	if (header->payload_size != sizeof(struct hv_timer_message_payload))
		set_fault(timer, WRONG_MESSAGE, header->payload_size,
			  sizeof(struct hv_timer_message_payload));
	if (header->sender)
		set_fault(timer, WRONG_MESSAGE, header->sender, 0);
	if (arrival->message.timer.reserved)
		set_fault(timer, WRONG_MESSAGE, arrival->message.timer.reserved, 0);
	if (arrival->sint != HV_STIMER_SINT_OF(timer->config))
		set_fault(timer, WRONG_SINT, arrival->sint, HV_STIMER_SINT_OF(timer->config));
	if (now->delivery < now->expiration)
		set_fault(timer, DELIVERED_EARLY, now->delivery, now->expiration);
	if (now->seen < now->expiration)
		set_fault(timer, EARLY, now->seen, now->expiration);
	if (now->seen < now->delivery)
		set_fault(timer, DELIVERED_LATER, now->delivery, now->seen);
	if (timer->config & HV_STIMER_PERIODIC) {
		note_period(timer, now);
		return;
	}
	if (now->expiration != timer->count)
		set_fault(timer, WRONG_EXPIRATION, now->expiration, timer->count);
	if (timer->fired)
		set_fault(timer, TWICE, now->expiration, timer->last.expiration);
}

/* Without a message, the test only knows how often the timer may have fired by now. */
static void note_direct(struct timer *timer, const struct firing *now)
{
	u64 due = timer->count;

	if (timer->config & HV_STIMER_PERIODIC)
		due = timer->armed_before + (timer->fired + 1) * timer->count;
	else if (timer->fired)
		set_fault(timer, TWICE, now->seen, timer->last.seen);
	if (now->seen < due)
		set_fault(timer, EARLY, now->seen, due);
}

void note_firing(const struct hv_arrival *arrival)
{
	bool direct = arrival->sint == HV_NO_SINT;
	u32 index = hv_fired_timer(arrival);
	struct timer *timer;
	struct firing now = {
		.expiration = direct ? 0 : arrival->message.timer.expiration_time,
		.delivery = direct ? 0 : arrival->message.timer.delivery_time,
		.seen = arrival->seen,
		.drained = arrival->drained,
	};

	if (index >= HV_SYNIC_STIMER_COUNT) {
		this_cpu(strays)++;
		return;
	}
	timer = &this_cpu(timers[index]);
	if (!timer->count || direct != !!(timer->config & HV_STIMER_DIRECT_MODE))
		set_fault(timer, NOT_ARMED, timer->config, timer->count);
	else if (direct)
		note_direct(timer, &now);
	else
		note_message(timer, arrival, &now);
	if (!timer->fired)
		timer->first = now;
	else
		timer->longest_silence = MAX(timer->longest_silence, timer->running);
	timer->running = 0;
	timer->latest = MAX(timer->latest, now.seen - now.expiration);
	timer->last = now;
	WRITE_ONCE(timer->fired, timer->fired + 1);
}

const char *fault_text(const struct timer *timer, const struct fault *fault, char *text,
		       size_t size)
{
	static const char *const formats[] = {
		[NOT_ARMED] = "it came though it was not armed like this (CONFIG 0x%lx, COUNT %lu)",
		[WRONG_MESSAGE] = "its message holds 0x%lx instead of 0x%lx",
		[WRONG_SINT] = "its message was in the slot of SINT %lu instead of %lu",
		[WRONG_EXPIRATION] = "expiration_time %lu is not the count, %lu",
		[EARLY] = "it came early: at %lu instead of %lu or later",
		[DELIVERED_EARLY] = "delivery_time %lu is before expiration_time %lu",
		[DELIVERED_LATER] = "delivery_time %lu is after the moment it came, %lu",
		[TWICE] = "the same expiration twice: %lu, after %lu",
		[TOO_SOON] =
			"expiration_time %lu is less than a period after the last one: it should be %lu",
		[OFF_PHASE] = "expiration_time %lu is not whole periods after the last one, %lu",
		[SKIPPED] =
			"an expiration was left out though nothing was late: %lu instead of %lu",
	};
	int length = snprintf(text, size, "firing %u: ", fault->number);

	snprintf(text + length, size - length, formats[fault->kind], fault->is, fault->should);
	return text;
}

const char *state_of(int index, char *text, size_t size)
{
	const struct timer *timer = &this_cpu(timers[index]);
	int sint = HV_STIMER_SINT_OF(timer->config);
	const struct hv_message_header *slot = &hv_slot(sint)->header;

	snprintf(
		text, size,
		"armed at %lu with CONFIG 0x%lx COUNT %lu; now, at %lu, CONFIG 0x%lx COUNT %lu, SINT%d 0x%lx, its slot 0x%x flags 0x%x",
		timer->armed_before, timer->config, timer->count, hv_ref_count(),
		hv_stimer_config(index), hv_stimer_count(index), sint,
		rdmsr(HV_X64_MSR_SINT0 + sint), READ_ONCE(slot->message_type),
		READ_ONCE(slot->message_flags));
	return text;
}
