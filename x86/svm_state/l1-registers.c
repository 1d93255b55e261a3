// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L1's registers, with unusual values, through a migration in L2: the tables of
 * lib/x86/registers.h. See svm_state.c for the manuals. A part of the program svm_state.
 *
 * While a CPU is in L2, a hypervisor keeps L1's registers elsewhere, and restores some of them
 * before and others after it has put the CPU back into L2. A broken one restores L1's registers for
 * L2, or loses them at the next exit. L2 begins with copies of most of these registers. So the test
 * shows L1's state after the exit, and not how it got there.
 */
#include "libcflat.h"
#include "migrate.h"
#include "registers.h"
#include "x86/nested/state.h"

static void be_migrated(void *data)
{
	migrate_quiet();
}

TEST(l1_registers, .on = EACH_CPU, .needs = L2,
     .about = "L1's MSRs, with unusual values, survive a migration while the CPU is in L2")
{
	static const struct register_group *const groups[] = {
		&system_call_registers,	  &segment_base_registers, &memory_type_registers,
		&machine_check_registers, &feature_registers,	   &kvm_registers,
	};
	struct held_registers *held[ARRAY_SIZE(groups)];
	struct l2 *l2;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
		held[i] = registers_new(groups[i]);
		registers_set(held[i]);
	}
	l2 = l2_new(be_migrated, NULL);
	l2_expect_return(l2);
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		registers_check(held[i], "after a migration in L2");
	l2_free(l2);
	for (size_t i = ARRAY_SIZE(groups); i-- > 0;) {
		registers_restore(held[i]);
		registers_free(held[i]);
	}
}
