// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmclock: the formula by which a guest computes the time. A part of the program kvmclock: see
 * kvmclock.c.
 */
#include "x86/kvmclock/kvmclock.h"

/*
 * All other tests rely on the library's way to read a clock page. So this one feeds it clock
 * pages and TSCs whose time is known, by the formula of msr.rst. The hypervisor has no part in
 * it.
 */
TEST(reader_arithmetic,
     .about = "the library computes the time from a clock page as KVM's msr.rst says")
{
	static const struct {
		struct pvclock_vcpu_time_info info;
		u64 tsc, time;
	} known[] = {
		/* tsc_to_system_mul is a fraction of 2^32. Here it is a half. */
		{ { .tsc_to_system_mul = 1u << 31 }, 0, 0 },
		{ { .tsc_to_system_mul = 1u << 31 }, 3000, 1500 },
		{ { .tsc_timestamp = 1000, .system_time = 7, .tsc_to_system_mul = 1u << 31 },
		  3001,
		  1007 },
		{ { .tsc_to_system_mul = 1u << 31, .tsc_shift = 2 }, 3000, 6000 },
		{ { .tsc_to_system_mul = 1u << 31, .tsc_shift = -2 }, 3003, 375 },
		/* The product has more than 64 bits: half a year at 4 GHz. */
		{ { .tsc_to_system_mul = 1u << 31, .tsc_shift = -1 }, 1ul << 56, 1ul << 54 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const struct pvclock_vcpu_time_info *info = &known[i].info;
		u64 time = pvclock_time_at(info, known[i].tsc);

		report(time == known[i].time,
		       "tsc_timestamp %lu, system_time %lu, mul %u, shift %d: TSC %lu is %lu ns (read %lu)",
		       info->tsc_timestamp, info->system_time, info->tsc_to_system_mul,
		       info->tsc_shift, known[i].tsc, known[i].time, time);
	}
}
