/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hyper-V's enlightened VMCS (TLFS chapter "Nested Virtualization"; the layout is version 1 of
 * HV_VMX_ENLIGHTENED_VMCS). It is a page of L1's memory that replaces a VMCS: L1 reads and writes
 * its fields as memory, and names it to the hypervisor in the VP assist page (TLFS chapter "Virtual
 * Processors"). An L2 that has an enlightened VMCS is used like any other (vmx.h):
 *
 *	struct l2 *l2 = vmx_new_enlightened(in_l2, NULL);
 *	l2_expect_return(l2);
 *	l2_free(l2);
 *
 * An entry makes the enlightened VMCS active on this CPU until VMCLEAR. While it is active, VMREAD
 * and VMWRITE are undefined. So a CPU has either L2s of this kind or ordinary ones, not both.
 */
#ifndef X86_VMX_EVMCS_H
#define X86_VMX_EVMCS_H

#include "libcflat.h"
#include "hyperv.h"
#include "nested/vmx/vmx.h"

/* The hypervisor offers version 1. */
DECLARE_FEATURE(HV_EVMCS);
/* L1 may promise, in hv_enlightenments_control, to mark changes of the MSR bit map. */
DECLARE_FEATURE(HV_EVMCS_MSR_BITMAP);

#define HV_EVMCS_VERSION 1

/* Bits of hv_clean_fields: the fields have not changed since the last entry. */
#define HV_EVMCS_CLEAN_NONE		     0
#define HV_EVMCS_CLEAN_IO_BITMAP	     BIT(0)
#define HV_EVMCS_CLEAN_MSR_BITMAP	     BIT(1)
#define HV_EVMCS_CLEAN_CONTROL_GRP2	     BIT(2)
#define HV_EVMCS_CLEAN_CONTROL_GRP1	     BIT(3)
#define HV_EVMCS_CLEAN_CONTROL_PROC	     BIT(4)
#define HV_EVMCS_CLEAN_CONTROL_EVENT	     BIT(5)
#define HV_EVMCS_CLEAN_CONTROL_ENTRY	     BIT(6)
#define HV_EVMCS_CLEAN_CONTROL_EXCPN	     BIT(7)
#define HV_EVMCS_CLEAN_CRDR		     BIT(8)
#define HV_EVMCS_CLEAN_CONTROL_XLAT	     BIT(9)
#define HV_EVMCS_CLEAN_GUEST_BASIC	     BIT(10)
#define HV_EVMCS_CLEAN_GUEST_GRP1	     BIT(11)
#define HV_EVMCS_CLEAN_GUEST_GRP2	     BIT(12)
#define HV_EVMCS_CLEAN_HOST_POINTER	     BIT(13)
#define HV_EVMCS_CLEAN_HOST_GRP1	     BIT(14)
#define HV_EVMCS_CLEAN_ENLIGHTENMENTSCONTROL BIT(15)
#define HV_EVMCS_CLEAN_ALL		     0xffffu

/*
 * The members of the page in order: FIELD(type, field of the VMCS, its clean bit), or OTHER(type,
 * name) for what is no field. ALL is for fields that L1 can change and that have no clean bit of
 * their own.
 */
#define HV_EVMCS_LAYOUT(FIELD, OTHER)                                                              \
	OTHER(u32, version_number)                                                                 \
	OTHER(u32, abort_indicator)                                                                \
	FIELD(u16, HOST_ES_SELECTOR, HOST_GRP1)                                                    \
	FIELD(u16, HOST_CS_SELECTOR, HOST_GRP1)                                                    \
	FIELD(u16, HOST_SS_SELECTOR, HOST_GRP1)                                                    \
	FIELD(u16, HOST_DS_SELECTOR, HOST_GRP1)                                                    \
	FIELD(u16, HOST_FS_SELECTOR, HOST_GRP1)                                                    \
	FIELD(u16, HOST_GS_SELECTOR, HOST_GRP1)                                                    \
	FIELD(u16, HOST_TR_SELECTOR, HOST_GRP1)                                                    \
	OTHER(u16, reserved_16)                                                                    \
	FIELD(u64, HOST_IA32_PAT, HOST_GRP1)                                                       \
	FIELD(u64, HOST_IA32_EFER, HOST_GRP1)                                                      \
	FIELD(u64, HOST_CR0, HOST_GRP1)                                                            \
	FIELD(u64, HOST_CR3, HOST_GRP1)                                                            \
	FIELD(u64, HOST_CR4, HOST_GRP1)                                                            \
	FIELD(u64, HOST_IA32_SYSENTER_ESP, HOST_GRP1)                                              \
	FIELD(u64, HOST_IA32_SYSENTER_EIP, HOST_GRP1)                                              \
	FIELD(u64, HOST_RIP, HOST_GRP1)                                                            \
	FIELD(u32, HOST_IA32_SYSENTER_CS, HOST_GRP1)                                               \
	FIELD(u32, PIN_BASED_VM_EXEC_CONTROL, CONTROL_GRP1)                                        \
	FIELD(u32, VM_EXIT_CONTROLS, CONTROL_GRP1)                                                 \
	FIELD(u32, SECONDARY_VM_EXEC_CONTROL, CONTROL_GRP1)                                        \
	FIELD(u64, IO_BITMAP_A, IO_BITMAP)                                                         \
	FIELD(u64, IO_BITMAP_B, IO_BITMAP)                                                         \
	FIELD(u64, MSR_BITMAP, MSR_BITMAP)                                                         \
	FIELD(u16, GUEST_ES_SELECTOR, GUEST_GRP2)                                                  \
	FIELD(u16, GUEST_CS_SELECTOR, GUEST_GRP2)                                                  \
	FIELD(u16, GUEST_SS_SELECTOR, GUEST_GRP2)                                                  \
	FIELD(u16, GUEST_DS_SELECTOR, GUEST_GRP2)                                                  \
	FIELD(u16, GUEST_FS_SELECTOR, GUEST_GRP2)                                                  \
	FIELD(u16, GUEST_GS_SELECTOR, GUEST_GRP2)                                                  \
	FIELD(u16, GUEST_LDTR_SELECTOR, GUEST_GRP2)                                                \
	FIELD(u16, GUEST_TR_SELECTOR, GUEST_GRP2)                                                  \
	FIELD(u32, GUEST_ES_LIMIT, GUEST_GRP2)                                                     \
	FIELD(u32, GUEST_CS_LIMIT, GUEST_GRP2)                                                     \
	FIELD(u32, GUEST_SS_LIMIT, GUEST_GRP2)                                                     \
	FIELD(u32, GUEST_DS_LIMIT, GUEST_GRP2)                                                     \
	FIELD(u32, GUEST_FS_LIMIT, GUEST_GRP2)                                                     \
	FIELD(u32, GUEST_GS_LIMIT, GUEST_GRP2)                                                     \
	FIELD(u32, GUEST_LDTR_LIMIT, GUEST_GRP2)                                                   \
	FIELD(u32, GUEST_TR_LIMIT, GUEST_GRP2)                                                     \
	FIELD(u32, GUEST_GDTR_LIMIT, GUEST_GRP2)                                                   \
	FIELD(u32, GUEST_IDTR_LIMIT, GUEST_GRP2)                                                   \
	FIELD(u32, GUEST_ES_AR_BYTES, GUEST_GRP2)                                                  \
	FIELD(u32, GUEST_CS_AR_BYTES, GUEST_GRP2)                                                  \
	FIELD(u32, GUEST_SS_AR_BYTES, GUEST_GRP2)                                                  \
	FIELD(u32, GUEST_DS_AR_BYTES, GUEST_GRP2)                                                  \
	FIELD(u32, GUEST_FS_AR_BYTES, GUEST_GRP2)                                                  \
	FIELD(u32, GUEST_GS_AR_BYTES, GUEST_GRP2)                                                  \
	FIELD(u32, GUEST_LDTR_AR_BYTES, GUEST_GRP2)                                                \
	FIELD(u32, GUEST_TR_AR_BYTES, GUEST_GRP2)                                                  \
	FIELD(u64, GUEST_ES_BASE, GUEST_GRP2)                                                      \
	FIELD(u64, GUEST_CS_BASE, GUEST_GRP2)                                                      \
	FIELD(u64, GUEST_SS_BASE, GUEST_GRP2)                                                      \
	FIELD(u64, GUEST_DS_BASE, GUEST_GRP2)                                                      \
	FIELD(u64, GUEST_FS_BASE, GUEST_GRP2)                                                      \
	FIELD(u64, GUEST_GS_BASE, GUEST_GRP2)                                                      \
	FIELD(u64, GUEST_LDTR_BASE, GUEST_GRP2)                                                    \
	FIELD(u64, GUEST_TR_BASE, GUEST_GRP2)                                                      \
	FIELD(u64, GUEST_GDTR_BASE, GUEST_GRP2)                                                    \
	FIELD(u64, GUEST_IDTR_BASE, GUEST_GRP2)                                                    \
	OTHER(u64, reserved_64_1)                                                                  \
	OTHER(u64, reserved_64_2)                                                                  \
	OTHER(u64, reserved_64_3)                                                                  \
	FIELD(u64, VM_EXIT_MSR_STORE_ADDR, ALL)                                                    \
	FIELD(u64, VM_EXIT_MSR_LOAD_ADDR, ALL)                                                     \
	FIELD(u64, VM_ENTRY_MSR_LOAD_ADDR, ALL)                                                    \
	FIELD(u64, CR3_TARGET_VALUE0, ALL)                                                         \
	FIELD(u64, CR3_TARGET_VALUE1, ALL)                                                         \
	FIELD(u64, CR3_TARGET_VALUE2, ALL)                                                         \
	FIELD(u64, CR3_TARGET_VALUE3, ALL)                                                         \
	FIELD(u32, PAGE_FAULT_ERROR_CODE_MASK, ALL)                                                \
	FIELD(u32, PAGE_FAULT_ERROR_CODE_MATCH, ALL)                                               \
	FIELD(u32, CR3_TARGET_COUNT, ALL)                                                          \
	FIELD(u32, VM_EXIT_MSR_STORE_COUNT, ALL)                                                   \
	FIELD(u32, VM_EXIT_MSR_LOAD_COUNT, ALL)                                                    \
	FIELD(u32, VM_ENTRY_MSR_LOAD_COUNT, ALL)                                                   \
	FIELD(u64, TSC_OFFSET, CONTROL_GRP2)                                                       \
	FIELD(u64, VIRTUAL_APIC_PAGE_ADDR, CONTROL_GRP2)                                           \
	FIELD(u64, VMCS_LINK_POINTER, GUEST_GRP1)                                                  \
	FIELD(u64, GUEST_IA32_DEBUGCTL, GUEST_GRP1)                                                \
	FIELD(u64, GUEST_IA32_PAT, GUEST_GRP1)                                                     \
	FIELD(u64, GUEST_IA32_EFER, GUEST_GRP1)                                                    \
	FIELD(u64, GUEST_PDPTR0, GUEST_GRP1)                                                       \
	FIELD(u64, GUEST_PDPTR1, GUEST_GRP1)                                                       \
	FIELD(u64, GUEST_PDPTR2, GUEST_GRP1)                                                       \
	FIELD(u64, GUEST_PDPTR3, GUEST_GRP1)                                                       \
	FIELD(u64, GUEST_PENDING_DBG_EXCEPTIONS, GUEST_GRP1)                                       \
	FIELD(u64, GUEST_SYSENTER_ESP, GUEST_GRP1)                                                 \
	FIELD(u64, GUEST_SYSENTER_EIP, GUEST_GRP1)                                                 \
	FIELD(u32, GUEST_ACTIVITY_STATE, GUEST_GRP1)                                               \
	FIELD(u32, GUEST_SYSENTER_CS, GUEST_GRP1)                                                  \
	FIELD(u64, CR0_GUEST_HOST_MASK, CRDR)                                                      \
	FIELD(u64, CR4_GUEST_HOST_MASK, CRDR)                                                      \
	FIELD(u64, CR0_READ_SHADOW, CRDR)                                                          \
	FIELD(u64, CR4_READ_SHADOW, CRDR)                                                          \
	FIELD(u64, GUEST_CR0, CRDR)                                                                \
	FIELD(u64, GUEST_CR3, CRDR)                                                                \
	FIELD(u64, GUEST_CR4, CRDR)                                                                \
	FIELD(u64, GUEST_DR7, CRDR)                                                                \
	FIELD(u64, HOST_FS_BASE, HOST_POINTER)                                                     \
	FIELD(u64, HOST_GS_BASE, HOST_POINTER)                                                     \
	FIELD(u64, HOST_TR_BASE, HOST_POINTER)                                                     \
	FIELD(u64, HOST_GDTR_BASE, HOST_POINTER)                                                   \
	FIELD(u64, HOST_IDTR_BASE, HOST_POINTER)                                                   \
	FIELD(u64, HOST_RSP, HOST_POINTER)                                                         \
	FIELD(u64, EPT_POINTER, CONTROL_XLAT)                                                      \
	FIELD(u16, VIRTUAL_PROCESSOR_ID, CONTROL_XLAT)                                             \
	OTHER(u16, reserved_16_1)                                                                  \
	OTHER(u32, reserved_32_1)                                                                  \
	OTHER(u64, reserved_64_4)                                                                  \
	OTHER(u64, reserved_64_5)                                                                  \
	OTHER(u64, reserved_64_6)                                                                  \
	OTHER(u64, reserved_64_7)                                                                  \
	OTHER(u64, reserved_64_8)                                                                  \
	FIELD(u64, GUEST_PHYSICAL_ADDRESS, NONE)                                                   \
	FIELD(u32, VM_INSTRUCTION_ERROR, NONE)                                                     \
	FIELD(u32, VM_EXIT_REASON, NONE)                                                           \
	FIELD(u32, VM_EXIT_INTR_INFO, NONE)                                                        \
	FIELD(u32, VM_EXIT_INTR_ERROR_CODE, NONE)                                                  \
	FIELD(u32, IDT_VECTORING_INFO_FIELD, NONE)                                                 \
	FIELD(u32, IDT_VECTORING_ERROR_CODE, NONE)                                                 \
	FIELD(u32, VM_EXIT_INSTRUCTION_LEN, NONE)                                                  \
	FIELD(u32, VMX_INSTRUCTION_INFO, NONE)                                                     \
	FIELD(u64, EXIT_QUALIFICATION, NONE)                                                       \
	OTHER(u64, exit_io_instruction_ecx)                                                        \
	OTHER(u64, exit_io_instruction_esi)                                                        \
	OTHER(u64, exit_io_instruction_edi)                                                        \
	OTHER(u64, exit_io_instruction_eip)                                                        \
	FIELD(u64, GUEST_LINEAR_ADDRESS, NONE)                                                     \
	FIELD(u64, GUEST_RSP, GUEST_BASIC)                                                         \
	FIELD(u64, GUEST_RFLAGS, GUEST_BASIC)                                                      \
	FIELD(u32, GUEST_INTERRUPTIBILITY_INFO, GUEST_BASIC)                                       \
	FIELD(u32, CPU_BASED_VM_EXEC_CONTROL, CONTROL_PROC)                                        \
	FIELD(u32, EXCEPTION_BITMAP, CONTROL_EXCPN)                                                \
	FIELD(u32, VM_ENTRY_CONTROLS, CONTROL_ENTRY)                                               \
	FIELD(u32, VM_ENTRY_INTR_INFO_FIELD, CONTROL_EVENT)                                        \
	FIELD(u32, VM_ENTRY_EXCEPTION_ERROR_CODE, CONTROL_EVENT)                                   \
	FIELD(u32, VM_ENTRY_INSTRUCTION_LEN, CONTROL_EVENT)                                        \
	FIELD(u32, TPR_THRESHOLD, NONE)                                                            \
	FIELD(u64, GUEST_RIP, NONE)                                                                \
	OTHER(u32, hv_clean_fields)                                                                \
	OTHER(u32, reserved_32_2)                                                                  \
	OTHER(u32, hv_synthetic_controls)                                                          \
	OTHER(u32, hv_enlightenments_control)                                                      \
	OTHER(u32, hv_vp_id)                                                                       \
	OTHER(u32, reserved_32_3)                                                                  \
	OTHER(u64, hv_vm_id)                                                                       \
	OTHER(u64, partition_assist_page)

/* The members are named like the VMCS's fields. */
struct hv_enlightened_vmcs {
#define FIELD_MEMBER(type, name, clean) type name;
#define OTHER_MEMBER(type, name)	type name;
	HV_EVMCS_LAYOUT(FIELD_MEMBER, OTHER_MEMBER)
#undef FIELD_MEMBER
#undef OTHER_MEMBER
};

/* In hv_enlightenments_control. */
#define HV_EVMCS_ENLIGHTENED_MSR_BITMAP BIT(1)

#define HV_VP_ASSIST_PAGE_ENABLE BIT(0)

struct hv_vp_assist_page {
	u32 apic_assist;
	u32 reserved1;
	u64 vtl_control[3];
	u64 nested_enlightenments_control;
	u8 enlighten_vmentry;
	u8 reserved2[7];
	u64 current_nested_vmcs; /* physical address */
};

/* This CPU's VP assist page, while the CPU has an L2 of this kind. */
struct hv_vp_assist_page *evmcs_assist_page(void);
/* What HV_X64_MSR_VP_ASSIST_PAGE holds while the CPU has an L2 of this kind. */
u64 evmcs_assist_register(void);

/* Like l2_new(), but with an enlightened VMCS. */
struct l2 *vmx_new_enlightened(void (*code)(void *data), void *data);

/* ---- for the library ---- */

/*
 * A CPU's first enlightened VMCS turns the assist page on, and freeing the last one turns it off.
 * One that is active must not be freed.
 */
struct hv_enlightened_vmcs *evmcs_alloc(void);
void evmcs_free(struct hv_enlightened_vmcs *evmcs);
/* Makes the next entry use this enlightened VMCS. */
void evmcs_make_current(const struct hv_enlightened_vmcs *evmcs);
/* Whether the next entry uses an enlightened VMCS. */
bool evmcs_is_in_use(void);

u64 evmcs_get(const struct hv_enlightened_vmcs *evmcs, enum vmcs_field field);
void evmcs_set(struct hv_enlightened_vmcs *evmcs, enum vmcs_field field, u64 value);
/* The field in which an entry leaves L1's stack pointer. */
u64 *evmcs_host_rsp(struct hv_enlightened_vmcs *evmcs);

#endif
