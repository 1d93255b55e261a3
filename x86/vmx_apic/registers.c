// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * APIC-register virtualization: L2 reads its APIC's registers from the virtual-APIC page (Intel
 * SDM volume 3, 30.4 and 30.5).
 *
 * A broken hypervisor gives L2 the registers of L1's APIC, loses what L2 has written, or lets
 * reads exit that should not.
 */
#include "libcflat.h"
#include "apic.h"
#include "x86/vmx_apic/vmx_apic.h"

#define PATTERN(offset) (0x5a000000 | (offset) << 8)

/* Gives each register the PATTERN() of its offset. check_steps() sets VTPR again. */
static void fill_registers(void)
{
	for (u32 offset = 0; offset < 0x400; offset += 0x10)
		*apic_register(offset) = PATTERN(offset);
}

static const struct step register_steps[] = {
	PASSES(LOAD_32, APIC_ID, PATTERN(APIC_ID)),
	PASSES(LOAD_32, APIC_LVTERR, PATTERN(APIC_LVTERR)),
	PASSES(LOAD_8, APIC_LVR + 1, APIC_LVR),
	EXITS(LOAD_32, APIC_TMCCT, INST_READ),
	EXITS(LOAD_32, 0x400, INST_READ),
	WRITTEN(STORE_32, APIC_SPIV, 0x1ff),
	/* migration */
	PASSES(LOAD_32, APIC_SPIV, 0x1ff),
	PASSES(LOAD_32, APIC_LVTERR, PATTERN(APIC_LVTERR)),
	WRITTEN(STORE_32, APIC_LVT0, 0x10700),
	PASSES(LOAD_32, APIC_LVT0, 0x10700),
	WRITTEN(STORE_32, APIC_TMICT, 12345),
	EXITS(STORE_32, APIC_LVR, INST_WRITE),
	EXITS(STORE_32, APIC_IRR, INST_WRITE),
	PASSES(LOAD_32, APIC_IRR + 0x70, PATTERN(APIC_IRR + 0x70)),
};

/* All reads of the MSRs come from the page, without an exit (30.5). */
static const struct step x2apic_register_steps[] = {
	PASSES(RDMSR, X2APIC(APIC_ID), PATTERN(APIC_ID)),
	PASSES(RDMSR, X2APIC(APIC_LVTERR), PATTERN(APIC_LVTERR)),
	PASSES(RDMSR, X2APIC(APIC_TMCCT), PATTERN(APIC_TMCCT)),
	PASSES(WRMSR, X2APIC(APIC_TASKPRI), 0x66),
	/* migration */
	PASSES(RDMSR, X2APIC(APIC_TASKPRI), 0x66),
	PASSES(RDMSR, X2APIC(APIC_LVTERR), PATTERN(APIC_LVTERR)),
	PASSES(RDMSR, X2APIC(APIC_IRR) + 7, PATTERN(APIC_IRR + 0x70)),
};

TEST(apic_registers, .on = EACH_CPU,
     .needs = ALL_OF(VMX_TPR_SHADOW, VMX_APIC_ACCESSES, VMX_APIC_REGISTER_VIRT),
     .about =
	     "L2 reads APIC registers from the virtual-APIC page; writes to it exit, before and after a migration")
{
	struct l2 *l2 = new_l2_for_steps(false, CPU_BASED_TPR_SHADOW,
					 SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES |
						 SECONDARY_EXEC_APIC_REGISTER_VIRT);

	fill_registers();
	check_steps(l2, register_steps, ARRAY_SIZE(register_steps), 6, 0, 0);
	report(*apic_register(APIC_TMICT) == 12345 && *apic_register(APIC_LVR) == PATTERN(APIC_LVR),
	       "initial count and version are 0x%x and 0x%x, expected 0x%x and 0x%x",
	       *apic_register(APIC_TMICT), *apic_register(APIC_LVR), 12345, PATTERN(APIC_LVR));
	free_l2(l2);
}

TEST(x2apic_registers, .on = EACH_CPU,
     .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE, VMX_APIC_REGISTER_VIRT),
     .about = "L2 reads the x2APIC's MSRs from the virtual-APIC page, before and after a migration")
{
	struct l2 *l2 = new_l2_for_steps(false, CPU_BASED_TPR_SHADOW,
					 SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE |
						 SECONDARY_EXEC_APIC_REGISTER_VIRT);

	fill_registers();
	check_steps(l2, x2apic_register_steps, ARRAY_SIZE(x2apic_register_steps), 4, 0, 0);
	free_l2(l2);
}
