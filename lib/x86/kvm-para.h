/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What KVM offers guests that know of it: Linux Documentation/virt/kvm/x86/cpuid.rst and
 * hypercalls.rst, uapi asm/kvm_para.h.
 */
#ifndef X86_KVM_PARA_H
#define X86_KVM_PARA_H

#include "libcflat.h"

#define KVM_SIGNATURE "KVMKVMKVM\0\0\0"

/* Bits of CPUID 0x40000001 EAX. */
#define KVM_FEATURE_CLOCKSOURCE		   0
#define KVM_FEATURE_CLOCKSOURCE2	   3
#define KVM_FEATURE_STEAL_TIME		   5
#define KVM_FEATURE_PV_EOI		   6
#define KVM_FEATURE_PV_UNHALT		   7
#define KVM_FEATURE_CLOCKSOURCE_STABLE_BIT 24

bool kvm_para_has_feature(int bit);

/* Does nothing, and returns 0. */
#define KVM_HC_VAPIC_POLL_IRQ 1
/* Wakes the CPU with the APIC ID A1 from HLT. A0 is 0. */
#define KVM_HC_KICK_CPU 5

/*
 * Whether hypercalls can be made. KVM writes its own instruction over the other vendor's, and a
 * page of code cannot be written to.
 */
bool kvm_para_can_call(void);
/* Returns what KVM leaves in RAX: 0, or a negative error. Only where kvm_para_can_call(). */
long kvm_hypercall2(u64 number, u64 a0, u64 a1);

#endif
