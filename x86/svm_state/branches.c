// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Last branches of L1 and L2, with LBR virtualization (15.23) and without. See svm_state.c.
 *
 * A broken hypervisor loses L2's record in a migration, or gives one side's record to the other.
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/svm_state/svm_state.h"

static void branch_in_l2(void *data)
{
	u64 *record = data;

	wrmsr(MSR_IA32_DEBUGCTLMSR, DEBUGCTLMSR_LBR);
	asm volatile("jmp 1f; 1: nop" : : : "memory");
	wrmsr(MSR_IA32_DEBUGCTLMSR, 0);
	record[0] = rdmsr(MSR_IA32_LASTBRANCHFROMIP);
	record[1] = rdmsr(MSR_IA32_LASTBRANCHTOIP);
	migrate_quiet();
	record[2] = rdmsr(MSR_IA32_LASTBRANCHFROMIP);
	record[3] = rdmsr(MSR_IA32_LASTBRANCHTOIP);
}

static void check_last_branch(bool separate)
{
	u64 record[4] = { 0 }, from, to;
	struct l2 *l2 = l2_new(branch_in_l2, record);

	if (separate)
		l2->vmcb->control.lbr_virtualization_enable = LBR_CTL_ENABLE_MASK;
	wrmsr(MSR_IA32_DEBUGCTLMSR, DEBUGCTLMSR_LBR);
	asm volatile("jmp 1f; 1: nop" : : : "memory");
	wrmsr(MSR_IA32_DEBUGCTLMSR, 0);
	from = rdmsr(MSR_IA32_LASTBRANCHFROMIP);
	to = rdmsr(MSR_IA32_LASTBRANCHTOIP);
	l2_expect_return(l2);
	report(record[0] && record[0] == record[2] && record[1] == record[3],
	       "L2's last branch is %lx to %lx after the migration, was %lx to %lx", record[2],
	       record[3], record[0], record[1]);
	if (separate) {
		report(l2->vmcb->save.br_from == record[0] && l2->vmcb->save.br_to == record[1],
		       "the VMCB has L2's: %lx to %lx", l2->vmcb->save.br_from,
		       l2->vmcb->save.br_to);
		report(rdmsr(MSR_IA32_LASTBRANCHFROMIP) == from &&
			       rdmsr(MSR_IA32_LASTBRANCHTOIP) == to,
		       "L1 has its own: %lx to %lx, was %lx to %lx",
		       rdmsr(MSR_IA32_LASTBRANCHFROMIP), rdmsr(MSR_IA32_LASTBRANCHTOIP), from, to);
	} else {
		report(rdmsr(MSR_IA32_LASTBRANCHFROMIP) == record[0] &&
			       rdmsr(MSR_IA32_LASTBRANCHTOIP) == record[1],
		       "L1 sees L2's, which it shares: %lx to %lx",
		       rdmsr(MSR_IA32_LASTBRANCHFROMIP), rdmsr(MSR_IA32_LASTBRANCHTOIP));
	}
	l2_free(l2);
}

TEST(last_branch_separate, .on = EACH_CPU, .needs = SVM_LBRV,
     .about =
	     "with LBR virtualization, L1 and L2 each keep their own last branch through a migration in L2")
{
	check_last_branch(true);
}

TEST(last_branch_shared, .on = EACH_CPU, .needs = SVM_LBRV,
     .about =
	     "without LBR virtualization, L1 and L2 share one last branch, which survives a migration in L2")
{
	check_last_branch(false);
}
