// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SVM's `nesting' of memory-world.h: nested page tables, ASIDs, exits for page faults, and VMCBs
 * for other modes. See svm_memory.c.
 */
#include "libcflat.h"
#include "percpu.h"
#include "processor.h"
#include "x86/svm_memory/svm_memory.h"

#define PF_EXIT (SVM_EXIT_EXCP_BASE + PF_VECTOR)

static u64 *map_large(struct l2 *l2, phys_addr_t address, phys_addr_t physical, int level)
{
	int found;
	void *at = (void *)address;
	u64 *table = find_pte(l2->npt, at, &found);

	map_range_in(l2->npt, at, physical, PAGE_SIZE << 9 * (level - 1), NPT_PAGE);
	return table;
}

static u64 root(const struct l2 *l2, bool nested)
{
	return nested ? l2->vmcb->control.n_cr3 : l2->vmcb->save.cr3;
}

static void set_root(struct l2 *l2, bool nested, u64 root)
{
	if (nested)
		l2->vmcb->control.n_cr3 = root;
	else
		l2->vmcb->save.cr3 = root;
}

void flush_all_asids(struct l2 *l2)
{
	l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
}

static void share_asid(struct l2 *l2)
{
	l2->vmcb->control.guest_asid = 1;
	flush_all_asids(l2);
}

static void exit_on_page_faults(struct l2 *l2, bool on)
{
	if (on)
		svm_set_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	else
		svm_clear_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
}

static u64 vmcb_cr2(const struct l2 *l2)
{
	return l2->vmcb->save.cr2;
}

static void set_vmcb_cr2(struct l2 *l2, u64 cr2)
{
	l2->vmcb->save.cr2 = cr2;
}

/* An injected #PF takes CR2 from the VMCB (15.20). */
static void inject_page_fault(struct l2 *l2, u64 address)
{
	set_vmcb_cr2(l2, address);
	svm_inject(l2, SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | PF_VECTOR);
}

static u64 fault_exit(const struct fault *fault)
{
	return fault->kind == PAGE_FAULT ? PF_EXIT : SVM_EXIT_NPF;
}

static u64 fault_address(const struct fault *fault)
{
	return fault->kind == PAGE_FAULT ? fault->linear : fault->physical;
}

/*
 * #PF exits before CR2 is written (15.12.15). The exit has the error code and address where a
 * nested page fault has them.
 */
static bool is_fault(const struct l2 *l2, const struct fault *fault)
{
	const struct vmcb_control_area *control = &l2->vmcb->control;

	return control->exitcode == fault_exit(fault) && control->exitinfo1 == fault->error &&
	       control->exitinfo2 == fault_address(fault);
}

static const char *fault_text(const struct fault *fault)
{
	static PER_CPU(char, text[96]);

	snprintf(this_cpu(text), sizeof(text), "%s with EXITINFO1 0x%lx, EXITINFO2 0x%lx",
		 l2_exit_name(fault_exit(fault)), fault->error, fault_address(fault));
	return this_cpu(text);
}

static struct vmcb_segment segment(u16 attributes, u64 base)
{
	return (struct vmcb_segment){
		.selector = 0x10,
		.attributes = attributes,
		.limit = 0xffffffff,
		.base = base,
	};
}

static void set_mode(struct l2 *l2, const struct mode *mode, u64 cr3, u64 code_base)
{
	struct vmcb_save_area *save = &l2->vmcb->save;

	save->cr0 = mode->cr0;
	save->cr3 = cr3;
	save->cr4 = mode->cr4;
	save->efer = EFER_SVME | mode->efer;
	save->rflags = X86_EFLAGS_FIXED;
	save->cs = segment(mode->code, code_base);
	save->ds = save->es = save->ss = segment(mode->data, 0);
	svm_set_intercept(l2, INTERCEPT_HLT);
	/* L2 has no handlers, so any exception becomes an exit that the test does not expect. */
	for (int vector = 0; vector < 32; vector++)
		if (vector != NMI_VECTOR)
			svm_set_intercept(l2, INTERCEPT_EXCEPTION + vector);
}

/* VMRUN reads the PDPTEs from memory. */
static void set_pdptes(struct l2 *l2, const u64 *entries)
{
}

const struct nesting nesting = {
	.name = "nested tables",
	.page = NPT_PAGE,
	.accessed = PT_ACCESSED_MASK,
	.dirty = PT_DIRTY_MASK,
	.write_missing = FINAL | PFERR_WRITE_MASK,
	.write_protected = FINAL | PFERR_WRITE_MASK | PFERR_PRESENT_MASK,
	.cr2_name = "CR2 in the VMCB",
	.halt = SVM_EXIT_HLT,
	.use = svm_use_npt,
	.entry = svm_npt_entry,
	.map_large = map_large,
	.root = root,
	.set_root = set_root,
	.flush = flush_all_asids,
	.share_tag = share_asid,
	.exit_on_page_faults = exit_on_page_faults,
	.inject_page_fault = inject_page_fault,
	.cr2 = vmcb_cr2,
	.set_cr2 = set_vmcb_cr2,
	.is_fault = is_fault,
	.fault_text = fault_text,
	.set_mode = set_mode,
	.set_pdptes = set_pdptes,
};
