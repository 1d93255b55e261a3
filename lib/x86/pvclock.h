/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmclock, seen from the guest: Linux Documentation/virt/kvm/x86/msr.rst and
 * cpuid.rst, arch/x86/include/asm/pvclock-abi.h, uapi asm/kvm_para.h.
 *
 * Each CPU gives KVM the physical address of a struct pvclock_vcpu_time_info, its
 * clock page. KVM keeps it describing a line from the CPU's TSC to nanoseconds,
 * and rewrites it whenever that line changes.
 */
#ifndef X86_PVCLOCK_H
#define X86_PVCLOCK_H

#include "libcflat.h"

struct pvclock_vcpu_time_info {
	u32 version; /* odd while it is being written */
	u32 pad0;
	u64 tsc_timestamp;
	u64 system_time; /* ns, when the TSC was tsc_timestamp */
	u32 tsc_to_system_mul;
	s8 tsc_shift;
	u8 flags;
	u8 pad[2];
} __packed __aligned(4);

/* In pvclock_vcpu_time_info.flags. */
#define PVCLOCK_TSC_STABLE_BIT BIT(0)
#define PVCLOCK_GUEST_STOPPED  BIT(1)

/* The wall clock at the moment at which system time was 0. */
struct pvclock_wall_clock {
	u32 version;
	u32 sec;
	u32 nsec;
} __packed __aligned(4);

/* In CPUID 0x40000001 EAX. */
#define KVM_SIGNATURE			   "KVMKVMKVM\0\0\0"
#define KVM_FEATURE_CLOCKSOURCE		   0
#define KVM_FEATURE_CLOCKSOURCE2	   3
#define KVM_FEATURE_CLOCKSOURCE_STABLE_BIT 24

#define KVM_MSR_ENABLED 1

/* Either pair of MSRs, 0x11 and 0x12 of old. */
DECLARE_FEATURE(KVMCLOCK);
DECLARE_FEATURE(KVMCLOCK_OLD_MSRS);
DECLARE_FEATURE(KVMCLOCK_NEW_MSRS);
/* PVCLOCK_TSC_STABLE_BIT has a meaning. */
DECLARE_FEATURE(KVMCLOCK_STABLE_BIT);

/* A pair of MSRs, which mean the same. */
struct pvclock_msrs {
	const char *name;
	u32 system_time;
	u32 wall_clock;
};

extern const struct pvclock_msrs pvclock_old_msrs, pvclock_new_msrs;
/* What a guest should use: the new ones, where there are any. */
const struct pvclock_msrs *pvclock_best_msrs(void);

/*
 * Makes `page` this CPU's clock page; 4-byte aligned, the caller's, and KVM's to
 * write to until another is registered or the clock is disabled.
 */
void pvclock_register(const struct pvclock_msrs *msrs, struct pvclock_vcpu_time_info *page);
void pvclock_disable(const struct pvclock_msrs *msrs);

/*
 * A copy that was whole at one moment: version even, and the same before and
 * after. Aborts when there is none within a second.
 */
struct pvclock_vcpu_time_info pvclock_snapshot(const struct pvclock_vcpu_time_info *page);

/* The time, in ns, at which the CPU's TSC was `tsc`. */
u64 pvclock_time_at(const struct pvclock_vcpu_time_info *info, u64 tsc);

/* The time now, of the clock page of the CPU that calls; its flags in *flags. */
u64 pvclock_read_flags(const struct pvclock_vcpu_time_info *page, u8 *flags);
u64 pvclock_read(const struct pvclock_vcpu_time_info *page);

/* The TSC frequency that tsc_to_system_mul and tsc_shift stand for; 0 if none. */
u64 pvclock_tsc_hz(const struct pvclock_vcpu_time_info *info);

/*
 * Has KVM write the wall clock to `page` now. It may do so again at any time,
 * until pvclock_disable_wall_clock().
 */
struct pvclock_wall_clock pvclock_wall_clock(const struct pvclock_msrs *msrs,
					     struct pvclock_wall_clock *page);
void pvclock_disable_wall_clock(const struct pvclock_msrs *msrs);

/*
 * `break=WHAT` on the command line spoils this reader on purpose, for a proof
 * that tests notice:
 *
 * reader  tsc_shift is taken for one more than it is: the clock runs at twice
 *         its rate
 * page    KVM is told an address 64 bytes off the clock page's
 */
bool pvclock_broken(const char *what);

#endif
