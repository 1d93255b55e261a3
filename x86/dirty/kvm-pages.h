/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What KVM writes to the guest's memory: Documentation/virt/kvm/x86/msr.rst, uapi asm/kvm_para.h.
 */
#ifndef DIRTY_KVM_PAGES_H
#define DIRTY_KVM_PAGES_H

#include "libcflat.h"

/* msr.rst, MSR_KVM_STEAL_TIME. */
struct kvm_steal_time {
	u64 steal; /* in ns */
	u32 version;
	u32 flags;
	u8 preempted;
	u8 u8_pad[3];
	u32 pad[11];
};

bool kvm_has_steal_time(void);
DECLARE_FEATURE(KVM_PAGES);

#endif
