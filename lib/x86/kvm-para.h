/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's paravirtual features: Linux Documentation/virt/kvm/x86/cpuid.rst and hypercalls.rst, uapi
 * asm/kvm_para.h.
 */
#ifndef X86_KVM_PARA_H
#define X86_KVM_PARA_H

#include "libcflat.h"
#include "test.h"

#define KVM_SIGNATURE "KVMKVMKVM\0\0\0"

/* Bits of CPUID 0x40000001 EAX. */
#define KVM_FEATURE_CLOCKSOURCE		   0
#define KVM_FEATURE_CLOCKSOURCE2	   3
#define KVM_FEATURE_ASYNC_PF		   4
#define KVM_FEATURE_STEAL_TIME		   5
#define KVM_FEATURE_PV_EOI		   6
#define KVM_FEATURE_PV_UNHALT		   7
#define KVM_FEATURE_ASYNC_PF_INT	   14
#define KVM_FEATURE_CLOCKSOURCE_STABLE_BIT 24

bool kvm_para_has_feature(int bit);

/* The steal time (msr.rst, MSR_KVM_STEAL_TIME), which KVM writes when it loads the vCPU. */
struct kvm_steal_time {
	u64 steal;   /* ns */
	u32 version; /* odd while KVM writes */
	u32 flags;
	u8 preempted; /* KVM_VCPU_PREEMPTED, for other CPUs to see */
	u8 u8_pad[3];
	u32 pad[11];
};
#define KVM_VCPU_PREEMPTED BIT(0)

DECLARE_FEATURE(STEAL_TIME);

/*
 * Asynchronous page faults (msr.rst, MSR_KVM_ASYNC_PF_EN). A #PF whose CR2 is a token says that a
 * page is not present. An interrupt with the same token says that the page is ready.
 */
struct async_pf {
	u32 flags; /* PAGE_NOT_PRESENT, until the guest clears it */
	u32 token; /* of a page that is ready, until the guest clears it */
};
#define ASYNC_PF_PAGE_NOT_PRESENT BIT(0)
/* All pages are ready. KVM says so when these faults are enabled, and after a restore. */
#define ASYNC_PF_ALL_TOKENS 0xffffffff
/* KVM fetches no more pages than this for a CPU at a time. */
#define ASYNC_PF_MOST_TOKENS 64
/* Bits of MSR_KVM_ASYNC_PF_EN. SEND_ALWAYS: also to ring 0. */
#define ASYNC_PF_ENABLED	 BIT(0)
#define ASYNC_PF_SEND_ALWAYS	 BIT(1)
#define ASYNC_PF_DELIVERY_AS_INT BIT(3)

/* async_pf_enable() can be called. */
DECLARE_FEATURE(ASYNC_PF);
/*
 * For this CPU. `shared` is a whole page of the caller's, which KVM writes to until
 * async_pf_disable(). `options` are 0 or ASYNC_PF_SEND_ALWAYS.
 */
void async_pf_enable(volatile struct async_pf *shared, u8 vector, u64 options);
void async_pf_disable(void);
/* For the interrupt's handler: returns the token, or 0 if there is none, and lets the next come. */
u32 async_pf_take_token(volatile struct async_pf *shared);

/* Does nothing, and returns 0. */
#define KVM_HC_VAPIC_POLL_IRQ 1
/* Wakes the CPU with the APIC ID A1 from HLT. A0 is 0. */
#define KVM_HC_KICK_CPU 5

/*
 * Whether hypercalls can be made. KVM patches the other vendor's instruction, which fails here
 * since code is not writable.
 */
bool kvm_para_can_call(void);
/* Returns what KVM leaves in RAX: 0, or a negative error. Only where kvm_para_can_call(). */
long kvm_hypercall2(u64 number, u64 a0, u64 a1);

#endif
