/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's side of kvmclock: Linux Documentation/virt/kvm/x86/msr.rst and cpuid.rst,
 * arch/x86/include/asm/pvclock-abi.h, uapi asm/kvm_para.h.
 *
 * Each CPU gives KVM the physical address of a struct pvclock_vcpu_time_info, its clock page. KVM
 * writes to it a linear function from the CPU's TSC to nanoseconds, and rewrites it when the
 * function changes.
 *
 * `break=WHAT` on the command line breaks this reader, to prove that tests notice:
 *
 * reader  it adds one to tsc_shift, so that the clock runs at twice its rate
 * page    it tells KVM an address that is 64 bytes off
 */
#ifndef X86_PVCLOCK_H
#define X86_PVCLOCK_H

#include "libcflat.h"
#include "kvm-para.h"

struct pvclock_vcpu_time_info {
	u32 version; /* odd while KVM writes the page */
	u32 pad0;
	u64 tsc_timestamp;
	u64 system_time; /* in ns, when the TSC was tsc_timestamp */
	u32 tsc_to_system_mul;
	s8 tsc_shift;
	u8 flags;
	u8 pad[2];
} __packed __aligned(4);

/* In pvclock_vcpu_time_info.flags. */
#define PVCLOCK_TSC_STABLE_BIT BIT(0)
#define PVCLOCK_GUEST_STOPPED  BIT(1)

/* The wall clock when the system time was 0. */
struct pvclock_wall_clock {
	u32 version;
	u32 sec;
	u32 nsec;
} __packed __aligned(4);

#define KVM_MSR_ENABLED 1

/* kvmclock with either pair of MSRs; with the old pair, 0x11 and 0x12; with the new pair. */
DECLARE_FEATURE(KVMCLOCK);
DECLARE_FEATURE(KVMCLOCK_OLD_MSRS);
DECLARE_FEATURE(KVMCLOCK_NEW_MSRS);
/* KVM uses PVCLOCK_TSC_STABLE_BIT. */
DECLARE_FEATURE(KVMCLOCK_STABLE_BIT);

/* A pair of MSRs. Both pairs do the same. */
struct pvclock_msrs {
	const char *name;
	u32 system_time;
	u32 wall_clock;
};

extern const struct pvclock_msrs pvclock_old_msrs, pvclock_new_msrs;
/* The MSRs that a guest should use: the new ones if there are any. */
const struct pvclock_msrs *pvclock_best_msrs(void);

/*
 * Makes `page` this CPU's clock page. It is the caller's memory, aligned to 4 bytes. KVM may write
 * to it until another page is registered or the clock is disabled.
 */
void pvclock_register(const struct pvclock_msrs *msrs, struct pvclock_vcpu_time_info *page);
void pvclock_disable(const struct pvclock_msrs *msrs);

/*
 * Copies the page at a moment when KVM does not write it: the version is even, and the same before
 * and after. Aborts if there is no such moment within a second times timescale.
 */
struct pvclock_vcpu_time_info pvclock_snapshot(const struct pvclock_vcpu_time_info *page);

/* The time in ns at which the CPU's TSC was `tsc`. */
u64 pvclock_time_at(const struct pvclock_vcpu_time_info *info, u64 tsc);

/* The time now in ns. `page` must be the calling CPU's clock page. *flags gets the page's flags. */
u64 pvclock_read_flags(const struct pvclock_vcpu_time_info *page, u8 *flags);
u64 pvclock_read(const struct pvclock_vcpu_time_info *page);

/* The TSC's frequency in Hz by tsc_to_system_mul and tsc_shift, or 0 if they are 0. */
u64 pvclock_tsc_hz(const struct pvclock_vcpu_time_info *info);

/*
 * Has KVM write the wall clock to `page` now, and returns a copy. KVM may write to `page` again at
 * any time until pvclock_disable_wall_clock().
 */
struct pvclock_wall_clock pvclock_wall_clock(const struct pvclock_msrs *msrs,
					     struct pvclock_wall_clock *page);
void pvclock_disable_wall_clock(const struct pvclock_msrs *msrs);

#endif
