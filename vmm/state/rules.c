// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See rules.h. Each rule says how far a value may differ. So a clock that went back, or ran ahead
 * of the host's, is still a difference.
 */
#include <stdlib.h>
#include <string.h>

#include "fields.h"
#include "host-time.h"
#include "layout.h"
#include "rules.h"

/* KVM's clock may be off by this much after it was set: see clocks.c. */
#define CLOCK_ERROR_NS 10000
/* KVM knows the TSC's frequency in whole kHz, and NTP slews the host's clocks by up to 500 ppm. */
#define CLOCK_PPM 1000

/* True if TICKS, at HZ a second, fit into the time that has passed. */
static bool passed_at_most(const struct comparison *comparison, uint64_t ticks, uint64_t hz)
{
	unsigned __int128 most = (unsigned __int128)comparison->ns * hz / NS_PER_SECOND;

	return ticks <= most + most * CLOCK_PPM / 1000000 + 1;
}

static bool advances_in_100_ns(const struct comparison *comparison, uint64_t old, uint64_t new)
{
	return passed_at_most(comparison, new - old, 10000000) && new >= old;
}

static const struct state_time *time_of(const struct state *state)
{
	return (const void *)state_find(state, "time", STATE_WHOLE_VM)->bytes;
}

/*
 * How far the host's real-time clock has moved against its monotonic clock. Somebody may have set
 * the real-time clock, or an interruption may have come between our readings of the two.
 */
static uint64_t realtime_step(const struct comparison *comparison)
{
	const struct state_time *before = time_of(comparison->before);
	const struct state_time *after = time_of(comparison->after);

	return llabs((int64_t)(after->realtime_ns - before->realtime_ns) -
		     (int64_t)(after->monotonic_ns - before->monotonic_ns));
}

static bool realtime_advances(const struct comparison *comparison, uint64_t old, uint64_t new)
{
	uint64_t step = realtime_step(comparison);

	return new + step >= old &&
	       (new <= old + step || passed_at_most(comparison, new - old - step, NS_PER_SECOND));
}

/*
 * With its clock KVM gives the real time at which it read the clock. So the clock must have
 * advanced as far as the real time. The clock goes on while the guest stands still.
 */
static bool advances_with_realtime(const struct comparison *comparison, uint64_t old, uint64_t new)
{
	const struct kvm_clock_data *before = (const void *)comparison->old->bytes;
	const struct kvm_clock_data *after = (const void *)comparison->new->bytes;
	uint64_t may_err =
		CLOCK_ERROR_NS + comparison->ns * CLOCK_PPM / 1000000 + realtime_step(comparison);
	int64_t error = (int64_t)(new - old) - (int64_t)(after->realtime - before->realtime);

	if (new < old)
		return false;
	if (before->flags & after->flags & KVM_CLOCK_REALTIME)
		return (uint64_t)llabs(error) <= may_err;
	return passed_at_most(comparison, new - old, NS_PER_SECOND);
}

/*
 * KVM does not call its clock stable while the guest uses the old kvmclock MSR. Only a write by the
 * guest itself tells KVM which MSR that is, so KVM may call a restored VM's clock stable at first:
 * kvm_write_system_time() in x86.c.
 */
static bool is_no_less_stable(const struct comparison *comparison, uint64_t old, uint64_t new)
{
	return !(old & ~new);
}

static bool never_goes_back(const struct comparison *comparison, uint64_t old, uint64_t new)
{
	return new >= old;
}

/* KVM gives the host's TSC only if its clock counts from the TSC. If not, the value is 0. */
static bool host_tsc_advances(const struct comparison *comparison, uint64_t old, uint64_t new)
{
	return !new || new >= old;
}

static bool tsc_advances(const struct comparison *comparison, uint64_t old, uint64_t new)
{
	const struct state_value *value =
		state_find(comparison->before, "tsc-khz", comparison->cpu);
	uint64_t khz = ((const struct state_tsc_khz *)value->bytes)->khz;

	/* The guest may have set its TSC so high that it wraps meanwhile. */
	return (int64_t)(new - old) >= 0 &&
	       (!khz || passed_at_most(comparison, new - old, khz * 1000));
}

static uint32_t lapic(const struct state_value *value, unsigned offset)
{
	uint32_t reg;

	memcpy(&reg, value->bytes + offset, sizeof(reg));
	return reg;
}

#define LVT_TIMER	   0x320
#define LVT_MASKED	   (1u << 16)
#define LVT_TIMER_PERIODIC (1u << 17)
#define INITIAL_COUNT	   0x380

/* A periodic timer may have begun another period. */
static bool counts_down(const struct comparison *comparison, uint64_t old, uint64_t new)
{
	if (lapic(comparison->old, LVT_TIMER) & LVT_TIMER_PERIODIC)
		return new <= lapic(comparison->old, INITIAL_COUNT);
	return new <= old;
}

#define IRR	      0x200 /* eight registers, 16 bytes apart */
#define VECTOR_MASK   0xff
#define IOAPIC_MASKED (1ull << 16)

#define PIT_HZ	      1193182
#define PIT_MOST_MODE 5 /* KVM has another mode while the channel has no count */

/* The PIT begins its count anew when it is restored, and it goes on while vCPUs stand still. */
static bool pit_may_have_ticked(const struct comparison *comparison)
{
	const struct state_value *value = state_find(comparison->before, "pit", STATE_WHOLE_VM);
	const struct kvm_pit_channel_state *channel;

	if (!value)
		return false;
	channel = &((const struct kvm_pit_state2 *)value->bytes)->channels[0];
	return channel->mode <= PIT_MOST_MODE &&
	       channel->count * NS_PER_SECOND / PIT_HZ <= comparison->ns;
}

/* The vector that a tick of the PIT requests at the IOAPIC, or -1. */
static int pit_vector(const struct comparison *comparison)
{
	const struct state_value *value = state_find(comparison->before, "ioapic", STATE_WHOLE_VM);
	uint64_t pin;

	if (!value || !pit_may_have_ticked(comparison))
		return -1;
	pin = ((const struct kvm_irqchip *)value->bytes)->chip.ioapic.redirtbl[PIN_OF_PIT].bits;
	return pin & IOAPIC_MASKED ? -1 : (int)(pin & VECTOR_MASK);
}

/* The bit of VECTOR in the IRR register of this NUMBER, or in any (-1). */
static uint32_t irr_bit(int vector, int number)
{
	if (vector < 0 || (number >= 0 && vector / 32 != number))
		return 0;
	return 1u << vector % 32;
}

/*
 * OLD and NEW are the values of one IRR register. The only bits that may be added, in all of them,
 * are those of the APIC timer's vector, if that is not masked, and of the PIT's.
 */
static bool timers_have_fired(const struct comparison *comparison, uint64_t old, uint64_t new)
{
	uint32_t lvt = lapic(comparison->old, LVT_TIMER);
	int apic = lvt & LVT_MASKED ? -1 : (int)(lvt & VECTOR_MASK), pit = pit_vector(comparison);

	for (int i = 0; i < 8; i++) {
		uint32_t was = lapic(comparison->old, IRR + 16 * i);
		uint32_t is = lapic(comparison->new, IRR + 16 * i);

		if (is & ~(was | irr_bit(apic, i) | irr_bit(pit, i)) || was & ~is)
			return false;
	}
	return !(new & ~(old | irr_bit(apic, -1) | irr_bit(pit, -1))) && !(old & ~new);
}

static bool pit_has_ticked_at_pic(const struct comparison *comparison, uint64_t old, uint64_t new)
{
	return pit_may_have_ticked(comparison) && new == (old | 1u << IRQ_OF_PIT);
}

#define LVT_LINT0     0x350
#define DELIVERY_MODE 0x700
#define DELIVERY_NMI  0x400

/* KVM's PIT sends NMIs to each vCPU whose LINT0 asks for them, and it goes on meanwhile. */
static bool lint0_brings_nmis(const struct comparison *comparison, uint64_t old, uint64_t new)
{
	uint32_t lvt = lapic(state_find(comparison->before, "lapic", comparison->cpu), LVT_LINT0);

	return !(lvt & LVT_MASKED) && (lvt & DELIVERY_MODE) == DELIVERY_NMI && new > old;
}

#define TPR	   0x80
#define ISR	   0x100 /* eight registers, 16 bytes apart */
#define CLASS_MASK 0xf0

/*
 * Intel SDM volume 3, "Task and Processor Priorities": PPR follows from TPR and the interrupts in
 * service. KVM computes PPR when it looks for an interrupt to deliver, so the saved PPR may be out
 * of date. KVM_SET_LAPIC computes PPR before KVM has counted the interrupts in service, so PPR may
 * be TPR.
 */
static bool follows_from_tpr_and_isr(const struct comparison *comparison, uint64_t old,
				     uint64_t new)
{
	uint32_t tpr = lapic(comparison->new, TPR), in_service = 0;

	for (int i = 7; i >= 0 && !in_service; i--) {
		uint32_t bits = lapic(comparison->new, ISR + 16 * i);

		if (bits)
			in_service = 32 * i + 31 - __builtin_clz(bits);
	}
	return new == tpr ||
	       new == ((tpr & CLASS_MASK) >= (in_service & CLASS_MASK) ? tpr
								       : in_service & CLASS_MASK);
}

/*
 * A VM entry does not accept a segment whose accessed bit is clear. Old QEMUs left that bit clear,
 * so KVM sets it: __vmx_set_segment() in vmx.c.
 */
static bool accessed_bit_is_set(const struct comparison *comparison, uint64_t old, uint64_t new)
{
	return new == (old | 1);
}

/* KVM_SET_PIT2 starts all counters again: kvm_vm_ioctl_set_pit2() in x86.c. */
static bool pit_starts_again(const struct comparison *comparison, uint64_t old, uint64_t new)
{
	const struct state_value *before = state_find(comparison->before, "time", STATE_WHOLE_VM);
	const struct state_time *time = (const void *)before->bytes;

	return new >= old &&new <= time->monotonic_ns + comparison->ns;
}

/*
 * Intel SDM volume 3, "Basic VM-Exit Information": a VM exit sets the guest-linear address or
 * leaves it undefined. While L2 runs, KVM_GET_NESTED_STATE takes the address from vmcs02, the VMCS
 * that the CPU runs L2 on. The vmcs02 of a new VM has not seen the exits that the old one has seen.
 * L1 has seen none of these exits, so the value means nothing to L1.
 */
static bool is_set_by_next_exit(const struct comparison *comparison, uint64_t old, uint64_t new)
{
	const struct kvm_nested_state *nested = (const void *)comparison->old->bytes;

	return nested->flags & KVM_STATE_NESTED_GUEST_MODE;
}

/*
 * The value counts down only while L2 runs, and only if the VM-exit controls save it. Otherwise KVM
 * gives the value that L1 has set.
 */
static bool preemption_timer_counts_down(const struct comparison *comparison, uint64_t old,
					 uint64_t new)
{
	return is_set_by_next_exit(comparison, old, new) && new <= old;
}

static const struct rule rules[] = {
	{ "tsc", "value", tsc_advances,
	  "the TSC may only advance, by no more than the time that has passed" },
	{ "clock", "clock", advances_with_realtime,
	  "the clock may only advance, by the time that has passed" },
	{ "clock", "flags", is_no_less_stable, "KVM may only call its clock more stable" },
	{ "clock", "realtime", realtime_advances,
	  "it may only be as much later as time has passed" },
	{ "clock", "host_tsc", host_tsc_advances, "the host's TSC advances" },
	{ "lapic", "CURRENT_COUNT", counts_down, "the timer may only have counted down" },
	{ "lapic", "IRR*", timers_have_fired,
	  "only the vectors of the APIC timer and the PIT may be requested meanwhile" },
	{ "pic-master", "irr", pit_has_ticked_at_pic,
	  "only IRQ 0, the PIT's, may be requested meanwhile" },
	{ "lapic", "PPR", follows_from_tpr_and_isr,
	  "it may only change to what follows from TPR and ISR" },
	{ "events", "nmi.pending", lint0_brings_nmis,
	  "an NMI may only come if LINT0 brings the PIT's interrupts as NMIs" },
	{ "sregs", "cs.type", accessed_bit_is_set, "KVM for Intel may only set the accessed bit" },
	{ "sregs", "ds.type", accessed_bit_is_set, "KVM for Intel may only set the accessed bit" },
	{ "sregs", "es.type", accessed_bit_is_set, "KVM for Intel may only set the accessed bit" },
	{ "sregs", "fs.type", accessed_bit_is_set, "KVM for Intel may only set the accessed bit" },
	{ "sregs", "gs.type", accessed_bit_is_set, "KVM for Intel may only set the accessed bit" },
	{ "sregs", "ss.type", accessed_bit_is_set, "KVM for Intel may only set the accessed bit" },
	{ "pit", "channel0.count_load_time", pit_starts_again,
	  "KVM may only start channel 0 again when it is set" },
	{ "pit", "channel1.count_load_time", pit_starts_again,
	  "KVM may only start channel 1 again when it is set" },
	{ "pit", "channel2.count_load_time", pit_starts_again,
	  "KVM may only start channel 2 again when it is set" },
	{ "nested", "vmcs12.GUEST_LINEAR_ADDRESS", is_set_by_next_exit,
	  "it may only change while L2 runs, until the next VM exit to L1 sets it" },
	{ "nested", "vmcs12.VMX_PREEMPTION_TIMER_VALUE", preemption_timer_counts_down,
	  "the timer may only have counted down, while L2 runs" },
	{ "msrs", "HV_X64_MSR_TIME_REF_COUNT", advances_in_100_ns,
	  "the reference time may only advance, by no more than the time that has passed" },
	{ "msrs", "HV_X64_MSR_VP_RUNTIME", never_goes_back, "the vCPU's run time may only grow" },
};

static bool matches(const char *pattern, const char *name)
{
	size_t length = strcspn(pattern, "*");

	return !strncmp(pattern, name, length) && (pattern[length] || !name[length]);
}

const struct rule *rule_find(const char *piece, const char *field)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (!strcmp(rules[i].piece, piece) && matches(rules[i].field, field))
			return &rules[i];
	return NULL;
}
