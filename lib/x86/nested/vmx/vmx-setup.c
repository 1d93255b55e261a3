// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Makes an L2 that is a copy of L1, and frees it. For what a VMCS must hold at an entry see Intel
 * SDM volume 3, chapters 25 and 27.
 */
#include "nested/vmx/vmx-evmcs.h"
#include "nested/vmx/vmx-internal.h"
#include "alloc_page.h"
#include "desc.h"
#include "processor.h"

#define IO_BITMAPS_ORDER 1

extern char vmx_l2_begin[], vmx_exit[];

/* Sets the bits that must be set, and those of `wanted` that may be set. */
static void set_controls(struct l2 *l2, enum vmcs_field field, u32 wanted)
{
	u64 capability = vmx_control_capability(field);

	vmx_set(l2, field, (u32)capability | (wanted & capability >> 32));
}

static void set_minimal_controls(struct l2 *l2)
{
	set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, 0);
	set_controls(l2, CPU_BASED_VM_EXEC_CONTROL,
		     CPU_BASED_USE_MSR_BITMAPS | CPU_BASED_ACTIVATE_SECONDARY_CONTROLS);
	/* Without these, instructions that L1 can use raise #UD in L2. */
	if (vmx_may_set(CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_ACTIVATE_SECONDARY_CONTROLS))
		set_controls(l2, SECONDARY_VM_EXEC_CONTROL,
			     SECONDARY_EXEC_ENABLE_RDTSCP | SECONDARY_EXEC_ENABLE_INVPCID |
				     SECONDARY_EXEC_XSAVES | SECONDARY_EXEC_ENABLE_USR_WAIT_PAUSE);
	set_controls(l2, VM_EXIT_CONTROLS,
		     VM_EXIT_HOST_ADDR_SPACE_SIZE | VM_EXIT_SAVE_DEBUG_CONTROLS |
			     VM_EXIT_SAVE_IA32_PAT | VM_EXIT_LOAD_IA32_PAT |
			     VM_EXIT_SAVE_IA32_EFER | VM_EXIT_LOAD_IA32_EFER);
	set_controls(l2, VM_ENTRY_CONTROLS,
		     VM_ENTRY_IA32E_MODE | VM_ENTRY_LOAD_DEBUG_CONTROLS | VM_ENTRY_LOAD_IA32_PAT |
			     VM_ENTRY_LOAD_IA32_EFER);
	vmx_set(l2, EXCEPTION_BITMAP, 0);
	vmx_set(l2, PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmx_set(l2, PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmx_set(l2, CR3_TARGET_COUNT, 0);
	vmx_set(l2, CR0_GUEST_HOST_MASK, 0);
	vmx_set(l2, CR4_GUEST_HOST_MASK, 0);
	vmx_set(l2, CR0_READ_SHADOW, 0);
	vmx_set(l2, CR4_READ_SHADOW, 0);
	vmx_set(l2, VM_EXIT_MSR_STORE_COUNT, 0);
	vmx_set(l2, VM_EXIT_MSR_LOAD_COUNT, 0);
	vmx_set(l2, VM_ENTRY_MSR_LOAD_COUNT, 0);
	vmx_set(l2, VM_ENTRY_INTR_INFO_FIELD, 0);
	vmx_set(l2, MSR_BITMAP, virt_to_phys(l2->msr_bitmap));
	vmx_set(l2, IO_BITMAP_A, virt_to_phys(l2->io_bitmap));
	vmx_set(l2, IO_BITMAP_B, virt_to_phys(l2->io_bitmap + PAGE_SIZE));
	vmx_set(l2, VMCS_LINK_POINTER, VMX_NO_VMCS);
}

/* The segment that this selector loads from this library's GDT. */
static void copy_segment(struct l2 *l2, enum vmcs_field selector_field, u16 selector, u32 rights)
{
	int distance = selector_field - GUEST_ES_SELECTOR;

	vmx_set(l2, selector_field, selector);
	vmx_set(l2, GUEST_ES_LIMIT + distance, 0xffffffff);
	vmx_set(l2, GUEST_ES_AR_BYTES + distance, selector ? rights : VMX_AR_UNUSABLE_MASK);
}

#define CODE_RIGHTS (VMX_AR_G_MASK | VMX_AR_L_MASK | VMX_AR_P_MASK | VMX_AR_S_MASK | 0xb)
#define DATA_RIGHTS (VMX_AR_G_MASK | VMX_AR_DB_MASK | VMX_AR_P_MASK | VMX_AR_S_MASK | 0x3)
#define TSS_RIGHTS  (VMX_AR_P_MASK | 0xb)

static void copy_own_state(struct l2 *l2)
{
	struct descriptor_table_ptr gdtr, idtr;

	sgdt(&gdtr);
	sidt(&idtr);
	copy_segment(l2, GUEST_CS_SELECTOR, read_cs(), CODE_RIGHTS);
	copy_segment(l2, GUEST_SS_SELECTOR, read_ss(), DATA_RIGHTS);
	copy_segment(l2, GUEST_DS_SELECTOR, read_ds(), DATA_RIGHTS);
	copy_segment(l2, GUEST_ES_SELECTOR, read_es(), DATA_RIGHTS);
	copy_segment(l2, GUEST_FS_SELECTOR, read_fs(), DATA_RIGHTS);
	copy_segment(l2, GUEST_GS_SELECTOR, read_gs(), DATA_RIGHTS);
	copy_segment(l2, GUEST_LDTR_SELECTOR, 0, 0);
	copy_segment(l2, GUEST_TR_SELECTOR, str(), TSS_RIGHTS);
	vmx_set(l2, GUEST_ES_BASE, 0);
	vmx_set(l2, GUEST_CS_BASE, 0);
	vmx_set(l2, GUEST_SS_BASE, 0);
	vmx_set(l2, GUEST_DS_BASE, 0);
	vmx_set(l2, GUEST_FS_BASE, rdmsr(MSR_FS_BASE));
	vmx_set(l2, GUEST_GS_BASE, rdmsr(MSR_GS_BASE));
	vmx_set(l2, GUEST_LDTR_BASE, 0);
	vmx_set(l2, GUEST_TR_BASE, (u64)this_tss());
	vmx_set(l2, GUEST_TR_LIMIT, sizeof(tss64_t) - 1);
	vmx_set(l2, GUEST_GDTR_BASE, gdtr.base);
	vmx_set(l2, GUEST_GDTR_LIMIT, gdtr.limit);
	vmx_set(l2, GUEST_IDTR_BASE, idtr.base);
	vmx_set(l2, GUEST_IDTR_LIMIT, idtr.limit);
	vmx_set(l2, GUEST_CR0, read_cr0());
	vmx_set(l2, GUEST_CR3, read_cr3());
	vmx_set(l2, GUEST_CR4, read_cr4());
	vmx_set(l2, GUEST_DR7, read_dr7());
	vmx_set(l2, GUEST_IA32_DEBUGCTL, rdmsr(MSR_IA32_DEBUGCTLMSR));
	if (vmx_may_set(VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_IA32_PAT))
		vmx_set(l2, GUEST_IA32_PAT, rdmsr(MSR_IA32_CR_PAT));
	if (vmx_may_set(VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_IA32_EFER))
		vmx_set(l2, GUEST_IA32_EFER, rdmsr(MSR_EFER));
	vmx_set(l2, GUEST_SYSENTER_CS, rdmsr(MSR_IA32_SYSENTER_CS));
	vmx_set(l2, GUEST_SYSENTER_ESP, rdmsr(MSR_IA32_SYSENTER_ESP));
	vmx_set(l2, GUEST_SYSENTER_EIP, rdmsr(MSR_IA32_SYSENTER_EIP));
	vmx_set(l2, GUEST_RFLAGS, X86_EFLAGS_FIXED | X86_EFLAGS_IF);
	vmx_set(l2, GUEST_PENDING_DBG_EXCEPTIONS, 0);
}

/* Host selectors must have RPL 0 (27.2.3), as all of this library's selectors in L1 have. */
void vmx_copy_host_state(struct l2 *l2)
{
	struct descriptor_table_ptr gdtr, idtr;

	sgdt(&gdtr);
	sidt(&idtr);
	vmx_set(l2, HOST_CS_SELECTOR, read_cs());
	vmx_set(l2, HOST_SS_SELECTOR, read_ss());
	vmx_set(l2, HOST_DS_SELECTOR, read_ds());
	vmx_set(l2, HOST_ES_SELECTOR, read_es());
	vmx_set(l2, HOST_FS_SELECTOR, read_fs());
	vmx_set(l2, HOST_GS_SELECTOR, read_gs());
	vmx_set(l2, HOST_TR_SELECTOR, str());
	vmx_set(l2, HOST_FS_BASE, rdmsr(MSR_FS_BASE));
	vmx_set(l2, HOST_GS_BASE, rdmsr(MSR_GS_BASE));
	vmx_set(l2, HOST_TR_BASE, (u64)this_tss());
	vmx_set(l2, HOST_GDTR_BASE, gdtr.base);
	vmx_set(l2, HOST_IDTR_BASE, idtr.base);
	vmx_set(l2, HOST_CR0, read_cr0());
	vmx_set(l2, HOST_CR3, read_cr3());
	vmx_set(l2, HOST_CR4, read_cr4());
	if (vmx_may_set(VM_EXIT_CONTROLS, VM_EXIT_LOAD_IA32_PAT))
		vmx_set(l2, HOST_IA32_PAT, rdmsr(MSR_IA32_CR_PAT));
	if (vmx_may_set(VM_EXIT_CONTROLS, VM_EXIT_LOAD_IA32_EFER))
		vmx_set(l2, HOST_IA32_EFER, rdmsr(MSR_EFER));
	vmx_set(l2, HOST_IA32_SYSENTER_CS, rdmsr(MSR_IA32_SYSENTER_CS));
	vmx_set(l2, HOST_IA32_SYSENTER_ESP, rdmsr(MSR_IA32_SYSENTER_ESP));
	vmx_set(l2, HOST_IA32_SYSENTER_EIP, rdmsr(MSR_IA32_SYSENTER_EIP));
}

void l2_start(struct l2 *l2, void (*code)(void *data), void *data)
{
	l2->registers = (struct l2_registers){ .rbx = (u64)code, .rdi = (u64)data };
	vmx_set(l2, GUEST_RIP, (u64)vmx_l2_begin);
	vmx_set(l2, GUEST_RSP, l2_stack_top(l2));
	vmx_set(l2, GUEST_INTERRUPTIBILITY_INFO, 0);
	vmx_set(l2, GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
}

static struct l2 *build(bool enlightened, void (*code)(void *data), void *data)
{
	struct l2 *l2 = calloc(1, sizeof(*l2));

	vmx_enable();
	if (enlightened)
		l2->evmcs = evmcs_alloc();
	else
		l2->vmcs = vmcs_alloc();
	l2->msr_bitmap = alloc_page();
	l2->io_bitmap = alloc_pages(IO_BITMAPS_ORDER);
	l2_new_stack(l2);
	vmx_clear(l2);
	set_minimal_controls(l2);
	copy_own_state(l2);
	vmx_copy_host_state(l2);
	/* For an ordinary VMCS, vmx_enter() writes it. */
	if (enlightened)
		vmx_set(l2, HOST_RIP, (u64)vmx_exit);
	l2_start(l2, code, data);
	return l2;
}

struct l2 *l2_new(void (*code)(void *data), void *data)
{
	return build(false, code, data);
}

struct l2 *vmx_new_enlightened(void (*code)(void *data), void *data)
{
	return build(true, code, data);
}

static void free_area(struct vmx_msr_entry *area)
{
	if (area)
		free_page(area);
}

void l2_free(struct l2 *l2)
{
	/* The processor may cache an active VMCS, and write it to memory later (25.1). */
	if (vmx_enabled())
		vmx_clear(l2);
	if (l2->ept)
		l2_free_page_tables(l2->ept, 4);
	free_area(l2->entry_load);
	free_area(l2->exit_store);
	free_area(l2->exit_load);
	l2_free_stack(l2);
	free_pages(l2->io_bitmap);
	free_page(l2->msr_bitmap);
	if (l2->evmcs)
		evmcs_free(l2->evmcs);
	else
		free_page(l2->vmcs);
	free(l2);
}
