// SPDX-License-Identifier: GPL-2.0-or-later
/* L2's PAT, which is G_PAT under nested paging (15.25.2) and L1's otherwise. See svm_memory.c. */
#include "libcflat.h"
#include "processor.h"
#include "x86/svm_memory/svm_memory.h"

/* Entries 0 to 3 are as after reset, so that no page in use changes its type. */
#define PAT_RESET   0x0007040600070406ul
#define PAT_OF(x)   ((PAT_RESET & 0xffffffff) | (x) << 32)
#define PAT_OF_L1   PAT_OF(0x01070406ul)
#define PAT_OF_VMCB PAT_OF(0x05040706ul)
#define PAT_OF_L2   PAT_OF(0x06050401ul)
#define PAT_BAD	    PAT_OF(0x00020406ul) /* type 2 is reserved */
#define PAT_MBZ	    PAT_OF(0x00080406ul) /* and so are bits 7:3 */

static void change_pat(void *data)
{
	u64 *found = data;

	found[0] = rdmsr(MSR_IA32_CR_PAT);
	wrmsr(MSR_IA32_CR_PAT, PAT_OF_L2);
	migrate_quiet();
	found[1] = rdmsr(MSR_IA32_CR_PAT);
	l2_call(DONE);
	found[2] = rdmsr(MSR_IA32_CR_PAT);
}

TEST(gpat_own, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "under nested paging, L2's PAT is G_PAT, and both L2's and L1's survive a migration in L2")
{
	u64 own = rdmsr(MSR_IA32_CR_PAT), found[3] = { 0 };
	struct l2 *l2 = l2_new(change_pat, found);

	svm_use_npt(l2);
	wrmsr(MSR_IA32_CR_PAT, PAT_OF_L1);
	l2->vmcb->save.g_pat = PAT_OF_VMCB;
	l2_expect_call(l2, DONE);
	report(found[0] == PAT_OF_VMCB, "L2 starts with PAT 0x%lx, G_PAT was 0x%lx", found[0],
	       PAT_OF_VMCB);
	report(found[1] == PAT_OF_L2, "after the migration L2 has PAT 0x%lx, it had set 0x%lx",
	       found[1], PAT_OF_L2);
	report(l2->vmcb->save.g_pat == PAT_OF_L2, "G_PAT after the exit is 0x%lx, L2 had set 0x%lx",
	       l2->vmcb->save.g_pat, PAT_OF_L2);
	report(rdmsr(MSR_IA32_CR_PAT) == PAT_OF_L1,
	       "L1 has PAT 0x%lx after the exit, it had set 0x%lx", rdmsr(MSR_IA32_CR_PAT),
	       PAT_OF_L1);
	l2->vmcb->save.g_pat = PAT_RESET;
	l2_expect_return(l2);
	report(found[2] == PAT_RESET, "entered again L2 has PAT 0x%lx, G_PAT was 0x%lx", found[2],
	       PAT_RESET);
	wrmsr(MSR_IA32_CR_PAT, own);
	l2_free(l2);
}

TEST(pat_moved, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "a PAT that L2 has written under nested paging survives a migration in L2")
{
	u64 own = rdmsr(MSR_IA32_CR_PAT), found[3] = { 0 };
	struct l2 *l2 = l2_new(change_pat, found);

	svm_use_npt(l2);
	l2_expect_call(l2, DONE);
	report(found[1] == PAT_OF_L2, "after the migration L2 has PAT 0x%lx, it had set 0x%lx",
	       found[1], PAT_OF_L2);
	wrmsr(MSR_IA32_CR_PAT, own);
	l2_free(l2);
}

TEST(pat_shared, .on = EACH_CPU, .needs = SVM,
     .about =
	     "without nested paging, L1 and L2 share one PAT, whatever G_PAT is, and it survives a migration in L2")
{
	u64 own = rdmsr(MSR_IA32_CR_PAT), found[3] = { 0 };
	struct l2 *l2 = l2_new(change_pat, found);

	wrmsr(MSR_IA32_CR_PAT, PAT_OF_L1);
	l2->vmcb->save.g_pat = PAT_BAD;
	l2_expect_call(l2, DONE);
	report(found[0] == PAT_OF_L1, "L2 starts with PAT 0x%lx, L1's was 0x%lx", found[0],
	       PAT_OF_L1);
	report(found[1] == PAT_OF_L2, "after the migration L2 has PAT 0x%lx, it had set 0x%lx",
	       found[1], PAT_OF_L2);
	report(rdmsr(MSR_IA32_CR_PAT) == PAT_OF_L2, "L1 has PAT 0x%lx after the exit, L2 set 0x%lx",
	       rdmsr(MSR_IA32_CR_PAT), PAT_OF_L2);
	wrmsr(MSR_IA32_CR_PAT, PAT_RESET);
	l2_expect_return(l2);
	report(found[2] == PAT_RESET, "entered again L2 has PAT 0x%lx, L1 had set 0x%lx", found[2],
	       PAT_RESET);
	wrmsr(MSR_IA32_CR_PAT, own);
	l2_free(l2);
}

static void nothing(void *data)
{
}

TEST(gpat_invalid, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "VMRUN refuses a G_PAT with a reserved type or reserved bits, before and after a migration")
{
	struct l2 *l2 = l2_new(nothing, NULL);

	svm_use_npt(l2);
	l2->vmcb->save.g_pat = PAT_BAD;
	l2_expect(l2, SVM_EXIT_INVALID, "G_PAT 0x%lx", PAT_BAD);
	migrate_quiet();
	l2->vmcb->save.g_pat = PAT_MBZ;
	l2_expect(l2, SVM_EXIT_INVALID, "G_PAT 0x%lx", PAT_MBZ);
	l2->vmcb->save.g_pat = PAT_OF_VMCB;
	l2_expect_return(l2);
	l2_free(l2);
}
