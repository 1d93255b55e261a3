// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See coverage.h. KVM API documentation 4.31 (KVM_GET_VCPU_EVENTS), 4.38 (KVM_GET_MP_STATE), 4.114
 * (KVM_GET_NESTED_STATE); TLFS 12.3 for the timers' configuration.
 */
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "coverage.h"
#include "state/state.h"

#define EFER_SVME	  (1u << 12)
#define HV_STIMER0_CONFIG 0x400000b0
#define HV_STIMERS	  4
#define STIMER_ENABLED	  (1u << 0)
#define STIMER_PERIODIC	  (1u << 1)
#define STIMER_LAZY	  (1u << 2)
#define STIMER_DIRECT	  (1u << 12)

enum met {
	IN_L1,
	IN_L2,
	L2_HALTED,
	RUN_PENDING,
	GIF_CLEAR,
	MTF_PENDING,
	PREEMPTION_TIMER,
	EVMCS,
	EXCEPTION_PENDING,
	EXCEPTION_INJECTED,
	INTERRUPT_INJECTED,
	SOFT_INTERRUPT,
	NMI_INJECTED,
	NMI_PENDING,
	NMI_MASKED,
	SHADOW_STI,
	SHADOW_MOV_SS,
	SMM,
	HALTED,
	WAIT_FOR_SIPI,
	HV_TIMER_ONE_SHOT,
	HV_TIMER_PERIODIC,
	HV_TIMER_LAZY,
	HV_TIMER_DIRECT,
	MET_KINDS
};

static const char *const names[MET_KINDS] = {
	[IN_L1] = "in_l1",
	[IN_L2] = "in_l2",
	[L2_HALTED] = "l2_halted",
	[RUN_PENDING] = "run_pending",
	[GIF_CLEAR] = "gif_clear",
	[MTF_PENDING] = "mtf_pending",
	[PREEMPTION_TIMER] = "preemption_timer",
	[EVMCS] = "evmcs",
	[EXCEPTION_PENDING] = "exception_pending",
	[EXCEPTION_INJECTED] = "exception_injected",
	[INTERRUPT_INJECTED] = "interrupt_injected",
	[SOFT_INTERRUPT] = "soft_interrupt",
	[NMI_INJECTED] = "nmi_injected",
	[NMI_PENDING] = "nmi_pending",
	[NMI_MASKED] = "nmi_masked",
	[SHADOW_STI] = "shadow_sti",
	[SHADOW_MOV_SS] = "shadow_mov_ss",
	[SMM] = "smm",
	[HALTED] = "halted",
	[WAIT_FOR_SIPI] = "wait_for_sipi",
	[HV_TIMER_ONE_SHOT] = "hv_timer_one_shot",
	[HV_TIMER_PERIODIC] = "hv_timer_periodic",
	[HV_TIMER_LAZY] = "hv_timer_lazy",
	[HV_TIMER_DIRECT] = "hv_timer_direct",
};

static uint64_t counts[MET_KINDS];

static void count(enum met kind, bool met)
{
	counts[kind] += met;
}

/* The value of PIECE for CPU if it has at least SIZE bytes, or NULL. */
static const void *value_of(const struct state *state, const char *piece, int cpu, uint32_t size)
{
	const struct state_value *value = state_find(state, piece, cpu);

	return value && value->size >= size ? value->bytes : NULL;
}

static void count_nested(const struct kvm_nested_state *nested, bool svme, bool halted)
{
	bool vmx = nested->format == KVM_STATE_NESTED_FORMAT_VMX;
	bool in_l2 = nested->flags & KVM_STATE_NESTED_GUEST_MODE;

	count(IN_L2, in_l2);
	count(IN_L1, !in_l2);
	count(L2_HALTED, in_l2 && halted);
	count(RUN_PENDING, nested->flags & KVM_STATE_NESTED_RUN_PENDING);
	count(MTF_PENDING, nested->flags & KVM_STATE_NESTED_MTF_PENDING);
	count(EVMCS, nested->flags & KVM_STATE_NESTED_EVMCS);
	count(GIF_CLEAR, !vmx && svme && !(nested->flags & KVM_STATE_NESTED_GIF_SET));
	count(PREEMPTION_TIMER,
	      vmx && nested->hdr.vmx.flags & KVM_STATE_VMX_PREEMPTION_TIMER_DEADLINE);
}

static void count_events(const struct kvm_vcpu_events *events)
{
	count(EXCEPTION_PENDING, events->exception.pending);
	count(EXCEPTION_INJECTED, events->exception.injected);
	count(INTERRUPT_INJECTED, events->interrupt.injected && !events->interrupt.soft);
	count(SOFT_INTERRUPT, events->interrupt.injected && events->interrupt.soft);
	count(NMI_INJECTED, events->nmi.injected);
	count(NMI_PENDING, events->nmi.pending);
	count(NMI_MASKED, events->nmi.masked);
	count(SHADOW_STI, events->interrupt.shadow & KVM_X86_SHADOW_INT_STI);
	count(SHADOW_MOV_SS, events->interrupt.shadow & KVM_X86_SHADOW_INT_MOV_SS);
	count(SMM, events->flags & KVM_VCPUEVENT_VALID_SMM && events->smi.smm);
}

static void count_hyperv_timers(const struct state *state, int cpu)
{
	for (unsigned i = 0; i < HV_STIMERS; i++) {
		uint64_t config;

		if (!state_msr(state, cpu, HV_STIMER0_CONFIG + 2 * i, &config) ||
		    !(config & STIMER_ENABLED))
			continue;
		count(HV_TIMER_PERIODIC, config & STIMER_PERIODIC);
		count(HV_TIMER_ONE_SHOT, !(config & STIMER_PERIODIC));
		count(HV_TIMER_LAZY, config & STIMER_LAZY);
		count(HV_TIMER_DIRECT, config & STIMER_DIRECT);
	}
}

void coverage_count(const struct state *state, unsigned cpus)
{
	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		const struct kvm_nested_state *nested =
			value_of(state, "nested", cpu, sizeof(*nested));
		const struct kvm_vcpu_events *events =
			value_of(state, "events", cpu, sizeof(*events));
		const struct kvm_mp_state *mp = value_of(state, "mp-state", cpu, sizeof(*mp));
		bool halted = mp && mp->mp_state == KVM_MP_STATE_HALTED;
		const struct kvm_sregs *special = value_of(state, "sregs", cpu, sizeof(*special));

		if (nested)
			count_nested(nested, special && special->efer & EFER_SVME, halted);
		else
			count(IN_L1, true);
		if (events)
			count_events(events);
		count(HALTED, halted);
		count(WAIT_FOR_SIPI, mp && (mp->mp_state == KVM_MP_STATE_UNINITIALIZED ||
					    mp->mp_state == KVM_MP_STATE_INIT_RECEIVED));
		count_hyperv_timers(state, cpu);
	}
}

void coverage_write(char *text, size_t size)
{
	size_t used = 0;

	text[0] = 0;
	for (int kind = 0; kind < MET_KINDS; kind++)
		if (counts[kind] && used < size)
			used += snprintf(text + used, size - used, " %s=%llu", names[kind],
					 (unsigned long long)counts[kind]);
}
