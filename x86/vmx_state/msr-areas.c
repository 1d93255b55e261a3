// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MSRs that VM entries and exits load and store by the MSR areas, across a migration in L2 (Intel
 * SDM volume 3, 25.7.2 and 25.8.2).
 *
 * A broken hypervisor loads the entry's values again after the migration, or forgets the areas of
 * the exit.
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/vmx_state/vmx_state.h"

static const struct {
	const char *name;
	u32 index;
	u64 value;
} area_msrs[] = {
	{ "STAR", MSR_STAR, 0x00230010aabbccdd },
	{ "LSTAR", MSR_LSTAR, NOWHERE(2) },
	{ "CSTAR", MSR_CSTAR, NOWHERE(3) },
	{ "SFMASK", MSR_SYSCALL_MASK, 0x00015a5a },
	{ "KernelGsBase", MSR_KERNEL_GS_BASE, NOWHERE(4) },
};

#define AREA_MSRS ARRAY_SIZE(area_msrs)
/*
 * The entry loads the value, L2 inverts one bit of it, and the exit loads it with another bit
 * inverted.
 */
#define BY_L2	0x100
#define BY_EXIT 0x200

static void msrs_in_l2(void *data)
{
	u64 *values = data;

	migrate_quiet();
	for (unsigned i = 0; i < AREA_MSRS; i++) {
		values[i] = rdmsr(area_msrs[i].index);
		wrmsr(area_msrs[i].index, area_msrs[i].value ^ BY_L2);
	}
}

TEST(msr_areas, .on = EACH_CPU, .needs = VMX,
     .about =
	     "MSRs that the MSR areas load and store survive a migration in L2, and L1 gets its own back")
{
	u64 in_l2[AREA_MSRS] = { 0 }, own[AREA_MSRS], now[AREA_MSRS];
	struct vmx_msr_entry *stored[AREA_MSRS];
	struct l2 *l2 = l2_new(msrs_in_l2, in_l2);

	for (unsigned i = 0; i < AREA_MSRS; i++) {
		u32 index = area_msrs[i].index;

		own[i] = rdmsr(index);
		vmx_load_msr_at_entry(l2, index, broken("registers") ? own[i] : area_msrs[i].value);
		stored[i] = vmx_store_msr_at_exit(l2, index);
		vmx_load_msr_at_exit(l2, index, area_msrs[i].value ^ BY_EXIT);
	}
	l2_enter(l2);
	for (unsigned i = 0; i < AREA_MSRS; i++) {
		now[i] = rdmsr(area_msrs[i].index);
		wrmsr(area_msrs[i].index, own[i]);
	}
	report(l2_is_call(l2, L2_RETURNED), "L2 should return: exit %s", l2_exit_text(l2));
	for (unsigned i = 0; i < AREA_MSRS; i++) {
		u64 value = area_msrs[i].value;

		report(in_l2[i] == value, "%s in L2 is 0x%lx, the entry should load 0x%lx",
		       area_msrs[i].name, in_l2[i], value);
		report(stored[i]->value == (value ^ BY_L2),
		       "the exit stored %s as 0x%lx, expected L2's 0x%lx", area_msrs[i].name,
		       stored[i]->value, value ^ BY_L2);
		report(now[i] == (value ^ BY_EXIT), "%s in L1 is 0x%lx, the exit should load 0x%lx",
		       area_msrs[i].name, now[i], value ^ BY_EXIT);
	}
	l2_free(l2);
}
