// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2's TPR as an MSR of the x2APIC (Intel SDM volume 3, 30.5 "Virtualizing MSR-Based APIC
 * Accesses").
 *
 * A broken hypervisor gives L2 the TPR of L1's x2APIC, or lets accesses exit that should not, when
 * it computes L2's MSR bitmap anew after a migration.
 */
#include "libcflat.h"
#include "apic.h"
#include "isr.h"
#include "processor.h"
#include "x86/vmx_apic/vmx_apic.h"

/* The steps begin with VTPR 0xf3 and threshold 5. */
static const struct step x2apic_steps[] = {
	PASSES(RDMSR, X2APIC(APIC_TASKPRI), 0xf3),
	PASSES(WRMSR, X2APIC(APIC_TASKPRI), 0x5a),
	PASSES(LOAD_CR8, 0, 5),
	PASSES(RDMSR, X2APIC(APIC_TASKPRI), 0x5a),
	BELOW(WRMSR, X2APIC(APIC_TASKPRI), 0x4c),
	PASSES(WRMSR, X2APIC(APIC_TASKPRI), 0xff),
	/* migration */
	PASSES(RDMSR, X2APIC(APIC_TASKPRI), 0xff),
	PASSES(STORE_CR8, 0, 12),
	PASSES(RDMSR, X2APIC(APIC_TASKPRI), 0xc0),
	BELOW(WRMSR, X2APIC(APIC_TASKPRI), 0x21),
	BELOW(STORE_CR8, 0, 1),
	PASSES(RDMSR, X2APIC(APIC_TASKPRI), 0x10),
	PASSES(WRMSR, X2APIC(APIC_TASKPRI), 0x88),
};

TEST(x2apic_tpr, .on = EACH_CPU, .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE),
     .about =
	     "in virtualized x2APIC mode, MSR 808h is VTPR, and WRMSR of it exits only by the TPR threshold")
{
	struct l2 *l2 = new_l2_for_steps(false, CPU_BASED_TPR_SHADOW,
					 SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE);

	write_cr8(OWN_CR8);
	check_steps(l2, x2apic_steps, ARRAY_SIZE(x2apic_steps), 6, 5, 0xf3);
	report(vtpr() == 0x88, "VTPR is 0x%x, L2 wrote 0x88", vtpr());
	check_own_cr8();
	write_cr8(0);
	free_l2(l2);
}

struct faults {
	int high_bits, upper_half, off;
};

static int vector_of_tpr_write(u64 value)
{
	wrmsr_safe(X2APIC(APIC_TASKPRI), value);
	return exception_vector();
}

static void fault_in_l2(void *data)
{
	struct faults *faults = data;

	migrate_quiet();
	faults->high_bits = vector_of_tpr_write(broken("vtpr") ? 0x10 : 0x100);
	faults->upper_half = vector_of_tpr_write(BIT(32));
	l2_call(HERE);
	faults->off = vector_of_tpr_write(0);
}

/* L1's own APIC has to be in xAPIC mode, in which MSR 808h does not exist. */
TEST(x2apic_tpr_faults, .on = EACH_CPU, .needs = ALL_OF(VMX_TPR_SHADOW, VMX_X2APIC_MODE),
     .about =
	     "WRMSR of 808h raises #GP beyond 8 bits, and always when x2APIC mode is not virtualized")
{
	struct faults faults = { 0 };
	struct l2 *l2 = new_l2(fault_in_l2, &faults, false, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE);

	if (is_x2apic_enabled()) {
		report_skip("needs an APIC in xAPIC mode");
		free_l2(l2);
		return;
	}
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW);
	*apic_register(APIC_TASKPRI) = 0x55;
	l2_expect_call(l2, HERE);
	report(faults.high_bits == GP_VECTOR && faults.upper_half == GP_VECTOR && vtpr() == 0x55,
	       "WRMSR of bit 8: %s, of bit 32: %s, expected #GP; VTPR is 0x%x, was 0x55",
	       exception_mnemonic(faults.high_bits), exception_mnemonic(faults.upper_half), vtpr());
	vmx_clear_controls(l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE);
	l2_expect_return(l2);
	report(faults.off == GP_VECTOR, "WRMSR of 0 without the control: %s, expected #GP",
	       exception_mnemonic(faults.off));
	free_l2(l2);
}
