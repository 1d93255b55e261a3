// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The reader: a part of kvmclock.c.
 */
#include "x86/kvmclock/kvmclock.h"

/*
 * All else relies on the library's reader, so it comes first, with lines and TSCs whose time
 * is known: msr.rst's formula, on paper. KVM has no part in this.
 */
TEST(reader_arithmetic, .about = "the library reads a clock page as msr.rst says")
{
	static const struct {
		struct pvclock_vcpu_time_info info;
		u64 tsc, time;
	} known[] = {
		/* tsc_to_system_mul is a fraction of 2^32: here a half. */
		{ { .tsc_to_system_mul = 1u << 31 }, 0, 0 },
		{ { .tsc_to_system_mul = 1u << 31 }, 3000, 1500 },
		{ { .tsc_timestamp = 1000, .system_time = 7, .tsc_to_system_mul = 1u << 31 },
		  3001,
		  1007 },
		{ { .tsc_to_system_mul = 1u << 31, .tsc_shift = 2 }, 3000, 6000 },
		{ { .tsc_to_system_mul = 1u << 31, .tsc_shift = -2 }, 3003, 375 },
		/* A product of more than 64 bits: half a year at 4 GHz. */
		{ { .tsc_to_system_mul = 1u << 31, .tsc_shift = -1 }, 1ul << 56, 1ul << 54 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		const struct pvclock_vcpu_time_info *info = &known[i].info;
		u64 time = pvclock_time_at(info, known[i].tsc);

		report(time == known[i].time,
		       "tsc_timestamp %lu, system_time %lu, mul %u, shift %d: TSC %lu is %lu ns "
		       "(read "
		       "%lu)",
		       info->tsc_timestamp, info->system_time, info->tsc_to_system_mul,
		       info->tsc_shift, known[i].tsc, known[i].time, time);
	}
}
