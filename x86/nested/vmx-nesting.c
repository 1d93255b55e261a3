// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory of an L2 on VMX, for the stories that VMX shares with SVM (Intel SDM volume 3, chapter 29,
 * and 28.2.1 for what exits report). See vmx-nesting.h and memory-world.h.
 *
 * No test looks at the linear address of a misconfiguration, which is undefined, nor at bits 11:9
 * of a violation's qualification, which are undefined on CPUs without advanced information.
 */
#include "x86/nested/vmx-nesting.h"
#include "percpu.h"

/* The bits of the qualification that every CPU defines. */
#define ALWAYS_THERE (GENMASK(5, 0) | FINAL)
#define SHARED_VPID  0xffff

/* What the next L2s are made with. */
struct making {
	bool used_flags, vpid;
};

static PER_CPU(struct making, making);

void make_with(bool used_flags, bool vpid)
{
	this_cpu(making) = (struct making){ .used_flags = used_flags, .vpid = vpid };
}

static void use_ept(struct l2 *l2)
{
	vmx_use_ept(l2);
	if (this_cpu(making).used_flags)
		vmx_set(l2, EPT_POINTER, vmx_get(l2, EPT_POINTER) | VMX_EPTP_AD_ENABLE_BIT);
}

static u64 *map_large(struct l2 *l2, phys_addr_t address, phys_addr_t physical, int level)
{
	u64 *entry = vmx_ept_entry_at(l2, address, level);
	u64 *table = phys_to_virt(*entry & PT_ADDR_MASK);

	*entry = physical | EPT_PAGE | VMX_EPT_PAGE_SIZE;
	return table;
}

static bool has_vpid(const struct l2 *l2)
{
	return feature_VMX_VPID.present() &&
	       vmx_get(l2, SECONDARY_VM_EXEC_CONTROL) & SECONDARY_EXEC_ENABLE_VPID;
}

static void use_vpid(struct l2 *l2, u16 vpid)
{
	vmx_set_controls(l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_VPID);
	vmx_set(l2, VIRTUAL_PROCESSOR_ID, vpid);
}

/* Flushes an L2's VPID by an INVVPID type that the CPU has. */
static void flush_vpid(struct l2 *l2)
{
	bool single = feature_VMX_INVVPID_SINGLE_CONTEXT.present();

	vmx_check_success("INVVPID", invvpid(single ? VMX_VPID_EXTENT_SINGLE_CONTEXT
						    : VMX_VPID_EXTENT_ALL_CONTEXT,
					     vmx_get(l2, VIRTUAL_PROCESSOR_ID), 0));
}

void use_new_vpid(struct l2 *l2)
{
	static PER_CPU(u16, last_vpid);

	this_cpu(last_vpid) = this_cpu(last_vpid) % (SHARED_VPID - 1) + 1;
	use_vpid(l2, this_cpu(last_vpid));
	flush_vpid(l2);
}

static void prepare(struct world *w)
{
	if (this_cpu(making).vpid)
		use_new_vpid(w->l2);
}

u64 vmx_root(const struct l2 *l2, bool nested)
{
	return vmx_get(l2, nested ? EPT_POINTER : GUEST_CR3);
}

void vmx_set_root(struct l2 *l2, bool nested, u64 root)
{
	vmx_set(l2, nested ? EPT_POINTER : GUEST_CR3, root);
}

void vmx_flush(struct l2 *l2)
{
	if (broken("flush"))
		return;
	if (l2->ept)
		vmx_flush_ept(l2);
	if (has_vpid(l2))
		flush_vpid(l2);
}

/* With EPT, cached translations belong to an EPT_POINTER as well, so that no flush is needed. */
static void share_vpid(struct l2 *l2)
{
	use_vpid(l2, SHARED_VPID);
	if (!l2->ept)
		flush_vpid(l2);
}

static void exit_on_page_faults(struct l2 *l2, bool on)
{
	vmx_intercept_exception(l2, PF_VECTOR, on);
}

/* L1 and L2 share CR2. */
static u64 own_cr2(const struct l2 *l2)
{
	return read_cr2();
}

static void set_own_cr2(struct l2 *l2, u64 cr2)
{
	write_cr2(cr2);
}

#define PAGE_FAULT_EVENT (INTR_TYPE_HARD_EXCEPTION | INTR_INFO_DELIVER_CODE_MASK | PF_VECTOR)

static void inject_page_fault(struct l2 *l2, u64 address)
{
	write_cr2(address);
	vmx_inject(l2, PAGE_FAULT_EVENT, 0);
}

static u64 fault_exit(const struct fault *fault)
{
	static const u64 reasons[] = {
		[PAGE_FAULT] = EXIT_REASON_EXCEPTION_NMI,
		[NESTED_FAULT] = EXIT_REASON_EPT_VIOLATION,
		[NESTED_RESERVED] = EXIT_REASON_EPT_MISCONFIG,
	};

	return reasons[fault->kind];
}

static bool is_page_fault(const struct l2 *l2, const struct fault *fault)
{
	return vmx_get(l2, VM_EXIT_INTR_INFO) == (PAGE_FAULT_EVENT | INTR_INFO_VALID_MASK) &&
	       vmx_get(l2, VM_EXIT_INTR_ERROR_CODE) == fault->error &&
	       vmx_get(l2, EXIT_QUALIFICATION) == fault->linear;
}

static bool is_ept_violation(const struct l2 *l2, const struct fault *fault)
{
	u64 error = fault->error, seen = ALWAYS_THERE;

	if (error & ALSO_READS)
		seen &= ~EPT_VIOLATION_ACC_READ;
	return !((vmx_get(l2, EXIT_QUALIFICATION) ^ error) & seen) &&
	       vmx_get(l2, GUEST_PHYSICAL_ADDRESS) == fault->physical &&
	       vmx_get(l2, GUEST_LINEAR_ADDRESS) == fault->linear;
}

static bool is_fault(const struct l2 *l2, const struct fault *fault)
{
	if (l2->exit_reason != fault_exit(fault))
		return false;
	switch (fault->kind) {
	case PAGE_FAULT:
		return is_page_fault(l2, fault);
	case NESTED_FAULT:
		return is_ept_violation(l2, fault);
	case NESTED_RESERVED:
		break;
	}
	return vmx_get(l2, GUEST_PHYSICAL_ADDRESS) == fault->physical;
}

static const char *fault_text(const struct fault *fault)
{
	static PER_CPU(char, text[128]);
	u64 error = fault->error & ~ALSO_READS;

	snprintf(this_cpu(text), sizeof(text), "%s with %s 0x%lx, linear 0x%lx, physical 0x%lx",
		 l2_exit_name(fault_exit(fault)),
		 fault->kind == PAGE_FAULT ? "error" : "qualification", error, fault->linear,
		 fault->physical);
	return this_cpu(text);
}

static void set_segment(struct l2 *l2, enum vmcs_field selector, u16 rights, u64 base)
{
	int distance = selector - GUEST_ES_SELECTOR;

	vmx_set(l2, selector, 0x10);
	vmx_set(l2, GUEST_ES_BASE + distance, base);
	vmx_set(l2, GUEST_ES_LIMIT + distance, 0xffffffff);
	vmx_set(l2, GUEST_ES_AR_BYTES + distance,
		(rights & 0xff) | (rights & 0xf00) << 4 | VMX_AR_G_MASK);
}

static void set_mode(struct l2 *l2, const struct mode *mode, u64 cr3, u64 code_base)
{
	static const enum vmcs_field data[] = { GUEST_SS_SELECTOR, GUEST_DS_SELECTOR,
						GUEST_ES_SELECTOR, GUEST_FS_SELECTOR,
						GUEST_GS_SELECTOR };

	if (mode->paging == UNPAGED)
		vmx_set_controls(l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_UNRESTRICTED_GUEST);
	if (!(mode->efer & EFER_LMA))
		vmx_clear_controls(l2, VM_ENTRY_CONTROLS, VM_ENTRY_IA32E_MODE);
	vmx_set_controls(l2, VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_IA32_EFER);
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_HLT_EXITING);
	vmx_set(l2, GUEST_CR0, mode->cr0 | X86_CR0_NE);
	vmx_set(l2, GUEST_CR3, cr3);
	vmx_set(l2, GUEST_CR4, mode->cr4 | X86_CR4_VMXE);
	vmx_set(l2, GUEST_IA32_EFER, mode->efer);
	vmx_set(l2, GUEST_RFLAGS, X86_EFLAGS_FIXED);
	set_segment(l2, GUEST_CS_SELECTOR, mode->code, code_base);
	for (size_t i = 0; i < ARRAY_SIZE(data); i++)
		set_segment(l2, data[i], mode->data, 0);
	/* L2 has no handlers, so any exception becomes an exit that the test does not expect. */
	vmx_set(l2, EXCEPTION_BITMAP, 0xffffffff);
}

/* With EPT a VM entry takes the PDPTEs from the VMCS, without it from memory (27.3.2.4). */
static void set_pdptes(struct l2 *l2, const u64 *entries)
{
	if (!l2->ept)
		return;
	for (int i = 0; i < 4; i++)
		vmx_set(l2, GUEST_PDPTR0 + 2 * i, entries[i]);
}

const struct nesting nesting = {
	.name = "EPT",
	.page = EPT_PAGE,
	.accessed = VMX_EPT_ACCESS_BIT,
	.dirty = VMX_EPT_DIRTY_BIT,
	.write_missing = EPT_VIOLATION_ACC_WRITE | FINAL,
	.write_protected = EPT_VIOLATION_ACC_WRITE | FINAL | READABLE | EXECUTABLE,
	.cr2_name = "CR2 after the exit",
	.halt = EXIT_REASON_HLT,
	.prepare = prepare,
	.use = use_ept,
	.entry = vmx_ept_entry,
	.map_large = map_large,
	.root = vmx_root,
	.set_root = vmx_set_root,
	.flush = vmx_flush,
	.share_tag = share_vpid,
	.exit_on_page_faults = exit_on_page_faults,
	.inject_page_fault = inject_page_fault,
	.cr2 = own_cr2,
	.set_cr2 = set_own_cr2,
	.is_fault = is_fault,
	.fault_text = fault_text,
	.set_mode = set_mode,
	.set_pdptes = set_pdptes,
};
