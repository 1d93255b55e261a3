// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VMCB in memory, which may change while L2 runs (15.5.1), and SVM's own registers (15.30). See
 * svm_state.c.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "desc.h"
#include "processor.h"
#include "x86/svm_state/svm_state.h"

/* ---- the VMCB in memory, while L2 runs ---- */

/*
 * The processor reads the VMCB at VMRUN (15.5.1) and writes it at #VMEXIT. It ignores changes of
 * the VMCB in memory in between. Here L2, which sees L1's memory, makes them.
 */
struct rewrite {
	struct l2 *l2;
	u64 tsc_before, tsc_after;
	bool done;
};

#define FAR_AWAY (1ul << 60)

static void rewrite_in_l2(void *data)
{
	struct rewrite *rewrite = data;
	struct vmcb_control_area *control = &rewrite->l2->vmcb->control;
	struct vmcb_save_area *save = &rewrite->l2->vmcb->save;

	/* Controls that would stop L2 at once or send it elsewhere. */
	svm_set_intercept(rewrite->l2, INTERCEPT_CPUID);
	svm_set_intercept(rewrite->l2, INTERCEPT_RDTSC);
	svm_set_intercept(rewrite->l2, INTERCEPT_PAUSE);
	svm_set_intercept(rewrite->l2, INTERCEPT_EXCEPTION + UD_VECTOR);
	control->tsc_offset = FAR_AWAY;
	control->eventinj = SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_EXEPT | UD_VECTOR;
	save->rip = NOWHERE(1);
	save->rsp = NOWHERE(2);
	save->cr3 = 0;
	save->efer = 0;
	save->rax = 0x1111;
	/* L2 still runs with what VMRUN has loaded, also after the migration. */
	rewrite->tsc_before = rdtsc();
	migrate_quiet();
	rewrite->tsc_after = rdtsc();
	raw_cpuid(0, 0);
	pause();
	asm_safe("ud2", "i"(0));
	rewrite->done = exception_vector() == UD_VECTOR;
	l2_call(3);
	raw_cpuid(0, 0);
}

TEST(vmcb_changed_while_l2_runs, .on = EACH_CPU, .needs = SVM,
     .about =
	     "what changes in the VMCB while L2 runs and is migrated takes effect at the next VMRUN, not before")
{
	struct rewrite rewrite = { 0 };
	struct l2 *l2 = l2_new(rewrite_in_l2, &rewrite);
	struct vmcb_control_area *control = &l2->vmcb->control;
	u64 efer = l2->vmcb->save.efer, cr3 = l2->vmcb->save.cr3;
	u64 tsc = rdtsc();

	rewrite.l2 = l2;
	if (l2_expect_call(l2, 3)) {
		report(rewrite.done, "L2 ran on as it had begun");
		report(rewrite.tsc_after - rewrite.tsc_before < FAR_AWAY / 2 &&
			       rewrite.tsc_before - tsc < FAR_AWAY / 2,
		       "the TSC offset is that of the last VMRUN: TSC in L1 0x%lx, in L2 0x%lx, then 0x%lx",
		       tsc, rewrite.tsc_before, rewrite.tsc_after);
		report(l2->vmcb->save.efer == efer && l2->vmcb->save.cr3 == cr3,
		       "the exit writes L2's own state: EFER 0x%lx, was 0x%lx; CR3 0x%lx, was 0x%lx",
		       l2->vmcb->save.efer, efer, l2->vmcb->save.cr3, cr3);
		report(control->tsc_offset == FAR_AWAY && svm_intercepts(l2, INTERCEPT_CPUID),
		       "the exit leaves changed controls alone: TSC_OFFSET 0x%lx",
		       control->tsc_offset);
		control->tsc_offset = 0;
		l2_expect(l2, SVM_EXIT_CPUID, "the new intercept, at the next VMRUN");
	}
	l2_free(l2);
}

TEST(vmcb_of_another_page, .on = EACH_CPU, .needs = SVM,
     .about =
	     "two VMCBs, entered in turn with migrations in L2 and between the entries, each keep their own state")
{
	struct reading unused;
	struct l2 *first = l2_new(moved_in_l2, &unused), *second = l2_new(moved_in_l2, &unused);

	first->vmcb->save.cr2 = NOWHERE(1);
	second->vmcb->save.cr2 = NOWHERE(2);
	first->vmcb->save.lstar = NOWHERE(3);
	second->vmcb->save.lstar = NOWHERE(4);
	l2_expect_return(first);
	migrate_quiet();
	l2_expect_return(second);
	report(first->vmcb->save.cr2 == NOWHERE(1) && first->vmcb->save.lstar == NOWHERE(3),
	       "the first VMCB: CR2 %lx, LSTAR %lx", first->vmcb->save.cr2,
	       first->vmcb->save.lstar);
	report(second->vmcb->save.cr2 == NOWHERE(2) && second->vmcb->save.lstar == NOWHERE(4),
	       "the second VMCB: CR2 %lx, LSTAR %lx", second->vmcb->save.cr2,
	       second->vmcb->save.lstar);
	l2_free(first);
	l2_free(second);
}

/* ---- SVM's own registers, and being between guests ---- */

TEST(svm_registers, .on = EACH_CPU, .needs = SVM,
     .about = "EFER.SVME, VM_HSAVE_PA and VM_CR survive a migration in L1")
{
	void *page = alloc_page();
	u64 efer, hsave, vm_cr;

	svm_enable();
	hsave = rdmsr(MSR_VM_HSAVE_PA);
	vm_cr = rdmsr(MSR_VM_CR);
	wrmsr(MSR_VM_HSAVE_PA, virt_to_phys(page));
	efer = rdmsr(MSR_EFER);
	migrate_quiet();
	report(rdmsr(MSR_EFER) == efer && efer & EFER_SVME, "EFER is 0x%lx, was 0x%lx",
	       rdmsr(MSR_EFER), efer);
	report(rdmsr(MSR_VM_HSAVE_PA) == virt_to_phys(page), "VM_HSAVE_PA is 0x%lx, was 0x%lx",
	       rdmsr(MSR_VM_HSAVE_PA), virt_to_phys(page));
	report(rdmsr(MSR_VM_CR) == vm_cr, "VM_CR is 0x%lx, was 0x%lx", rdmsr(MSR_VM_CR), vm_cr);
	wrmsr(MSR_VM_HSAVE_PA, hsave);
	free_page(page);
}

TEST(off_and_on, .on = EACH_CPU, .needs = SVM,
     .about = "SVM that is turned off stays off through a migration, and can be turned on again")
{
	struct l2 *l2;

	svm_enable();
	svm_disable();
	migrate_quiet();
	report(!(rdmsr(MSR_EFER) & EFER_SVME), "EFER.SVME is off after the migration: EFER 0x%lx",
	       rdmsr(MSR_EFER));
	l2 = l2_new(moved_in_l2, NULL);
	l2_expect_return(l2);
	l2_free(l2);
}
