// SPDX-License-Identifier: GPL-2.0-or-later
/* kvmclock's reader. See pvclock.h. */
#include "pvclock.h"
#include "barrier.h"
#include "muldiv.h"
#include "processor.h"

#define NS_PER_SECOND 1000000000ul

/* KVM writes a page in nanoseconds, but its thread may lose the CPU meanwhile. */
#define WHOLE_DEADLINE_MS 1000

/* `break=page` tells KVM an address that is this many bytes off. It stays within the same page. */
#define WRONG_ADDRESS_BIT 64

const struct pvclock_msrs pvclock_old_msrs = {
	.name = "old",
	.system_time = MSR_KVM_SYSTEM_TIME,
	.wall_clock = MSR_KVM_WALL_CLOCK,
};

const struct pvclock_msrs pvclock_new_msrs = {
	.name = "new",
	.system_time = MSR_KVM_SYSTEM_TIME_NEW,
	.wall_clock = MSR_KVM_WALL_CLOCK_NEW,
};

FEATURE(KVMCLOCK, "kvmclock (CPUID 0x40000001 EAX bit 0 or 3)")
{
	return kvm_para_has_feature(KVM_FEATURE_CLOCKSOURCE) ||
	       kvm_para_has_feature(KVM_FEATURE_CLOCKSOURCE2);
}

FEATURE(KVMCLOCK_OLD_MSRS, "the old kvmclock MSRs (CPUID 0x40000001 EAX bit 0)")
{
	return kvm_para_has_feature(KVM_FEATURE_CLOCKSOURCE);
}

FEATURE(KVMCLOCK_NEW_MSRS, "the new kvmclock MSRs (CPUID 0x40000001 EAX bit 3)")
{
	return kvm_para_has_feature(KVM_FEATURE_CLOCKSOURCE2);
}

FEATURE(KVMCLOCK_STABLE_BIT, "PVCLOCK_TSC_STABLE_BIT (CPUID 0x40000001 EAX bit 24)")
{
	return kvm_para_has_feature(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT);
}

const struct pvclock_msrs *pvclock_best_msrs(void)
{
	return KVMCLOCK_NEW_MSRS_present() ? &pvclock_new_msrs : &pvclock_old_msrs;
}

void pvclock_register(const struct pvclock_msrs *msrs, struct pvclock_vcpu_time_info *page)
{
	u64 address = (u64)page;

	if (broken("page"))
		address ^= WRONG_ADDRESS_BIT;
	wrmsr(msrs->system_time, address | KVM_MSR_ENABLED);
}

void pvclock_disable(const struct pvclock_msrs *msrs)
{
	wrmsr(msrs->system_time, 0);
}

static bool try_snapshot(const struct pvclock_vcpu_time_info *page,
			 struct pvclock_vcpu_time_info *copy)
{
	u32 version = READ_ONCE(page->version);

	smp_rmb();
	*copy = *(const volatile struct pvclock_vcpu_time_info *)page;
	smp_rmb();
	return !(version & 1) && copy->version == version && READ_ONCE(page->version) == version;
}

struct pvclock_vcpu_time_info pvclock_snapshot(const struct pvclock_vcpu_time_info *page)
{
	struct pvclock_vcpu_time_info copy;

	if (!try_snapshot(page, &copy))
		wait_for(try_snapshot(page, &copy), WHOLE_DEADLINE_MS,
			 "the clock page at %p to be whole (version %u)", page,
			 READ_ONCE(page->version));
	return copy;
}

/* Looks the argument up only once, since the reader runs a million times. */
static int extra_shift(void)
{
	static enum { UNKNOWN, RIGHT, BROKEN } reader;

	if (reader == UNKNOWN)
		reader = broken("reader") ? BROKEN : RIGHT;
	return reader == BROKEN;
}

u64 pvclock_time_at(const struct pvclock_vcpu_time_info *info, u64 tsc)
{
	u64 delta = tsc - info->tsc_timestamp;
	int shift = info->tsc_shift + extra_shift();

	if (shift >= 0)
		delta <<= shift & 63;
	else
		delta >>= -shift & 63;
	return info->system_time + (u64)((unsigned __int128)delta * info->tsc_to_system_mul >> 32);
}

u64 pvclock_read_flags(const struct pvclock_vcpu_time_info *page, u8 *flags)
{
	struct pvclock_vcpu_time_info info;
	u32 version;
	u64 time;

	/* The page must be the same before and after the TSC is read. */
	do {
		info = pvclock_snapshot(page);
		version = info.version;
		time = pvclock_time_at(&info, rdtsc_ordered());
		smp_rmb();
	} while (READ_ONCE(page->version) != version);
	*flags = info.flags;
	return time;
}

u64 pvclock_read(const struct pvclock_vcpu_time_info *page)
{
	u8 flags;

	return pvclock_read_flags(page, &flags);
}

u64 pvclock_tsc_hz(const struct pvclock_vcpu_time_info *info)
{
	u64 hz;

	if (!info->tsc_to_system_mul)
		return 0;
	/* ns = ticks * 2^shift * mul / 2^32. Solve it for the ticks of a second. */
	hz = mul_div(NS_PER_SECOND, 1ul << 32, info->tsc_to_system_mul);
	return info->tsc_shift >= 0 ? hz >> (info->tsc_shift & 63) : hz << (-info->tsc_shift & 63);
}

static bool try_wall_clock(const struct pvclock_wall_clock *page, struct pvclock_wall_clock *copy)
{
	*copy = *(const volatile struct pvclock_wall_clock *)page;
	smp_rmb();
	return !(copy->version & 1) && READ_ONCE(page->version) == copy->version;
}

struct pvclock_wall_clock pvclock_wall_clock(const struct pvclock_msrs *msrs,
					     struct pvclock_wall_clock *page)
{
	struct pvclock_wall_clock copy;

	wrmsr(msrs->wall_clock, (u64)page);
	wait_for(try_wall_clock(page, &copy), WHOLE_DEADLINE_MS,
		 "the wall clock at %p to be whole (version %u)", page, READ_ONCE(page->version));
	return copy;
}

void pvclock_disable_wall_clock(const struct pvclock_msrs *msrs)
{
	wrmsr(msrs->wall_clock, 0);
}
