/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nested guests on Intel's VMX (SDM volume 3, chapters 24 to 31). L1 is the guest that
 * the hypervisor under test runs, L2 the guest that L1 runs. L2 is a C function beside
 * the L1 code that runs it:
 *
 *	static void in_l2(void *data)
 *	{
 *		migrate();		// moved inside L2
 *		asm volatile("hlt" ...);
 *	}
 *
 *	struct l2 *l2 = l2_new(in_l2, NULL);
 *	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_HLT_EXITING);
 *	l2_expect(l2, EXIT_REASON_HLT, "the exit after the move");
 *	vmx_skip(l2);
 *	l2_expect_return(l2);
 *	l2_free(l2);
 *
 * A new L2 begins as a copy of the CPU's own state: the same page tables, IDT, GDT,
 * per-CPU data, interrupts on; so that the whole library works in it: report(),
 * migrate(), wait_until(), asm_safe(), handlers of exceptions and interrupts. Its controls
 * are those that let most pass: what exits is what always does (26.1.2), such as CPUID,
 * which an L2 must not use without need; interrupts are taken by L2, ports and MSRs are
 * L1's own. CR2, CR8, DR0 to DR3, DR6, XCR0 and the MSRs that are not in the VMCS are
 * shared by L1 and L2.
 *
 * An L2 belongs to the CPU that made it. Everything here is for that CPU.
 */
#ifndef X86_VMX_H
#define X86_VMX_H

#include "libcflat.h"
#include "nested/l2.h"
#include "processor.h"
#include "vm.h"
#include "nested/vmx/vmx-defs.h"

/* With what vmx-entry.S loads and saves: it knows the order. */
struct vmx_registers {
	struct l2_registers l2;
	u64 rax;
	u64 exit_rflags;
};

struct hv_enlightened_vmcs;

struct l2 {
	struct l2_common common; /* first, as l2.c takes it to be */
	struct vmcs *vmcs;
	struct hv_enlightened_vmcs *evmcs; /* in place of it, or NULL: vmx-evmcs.h */
	bool launched;			   /* its launch state, as L1 knows it */
	union {
		struct vmx_registers entry;
		struct {
			struct l2_registers registers;
			u64 rax;
			u64 exit_rflags; /* L1's RFLAGS behind the last exit */
		};
	};
	u8 *msr_bitmap; /* a page, nothing exits */
	u8 *io_bitmap;	/* A and B, nothing exits; in use from l2_intercept_port() on */
	pgd_t *ept;	/* or NULL: L2 uses L1's physical addresses as they are */
	/* The areas of VM_ENTRY_MSR_LOAD_ADDR, VM_EXIT_MSR_STORE_ADDR, VM_EXIT_MSR_LOAD_ADDR. */
	struct vmx_msr_entry *entry_load, *exit_store, *exit_load;
	u64 exit_reason;
};

/* What l2_enter() gives if the instruction failed: no exit, and so no exit reason. */
#define L2_NOT_ENTERED (~0ul)

/* ---- what there is ---- */

/* CPUs with VMX that firmware has not locked out (IA32_FEATURE_CONTROL). */
DECLARE_FEATURE(VMX);
/* Controls that may be 1, by the names of their bits. */
DECLARE_FEATURE(VMX_PREEMPTION_TIMER);
DECLARE_FEATURE(VMX_SAVE_PREEMPTION_TIMER);
DECLARE_FEATURE(VMX_VIRTUAL_NMIS);
DECLARE_FEATURE(VMX_ACK_INTR_ON_EXIT);
DECLARE_FEATURE(VMX_TSC_OFFSETTING);
DECLARE_FEATURE(VMX_TSC_SCALING);
DECLARE_FEATURE(VMX_TPR_SHADOW);
DECLARE_FEATURE(VMX_MONITOR_TRAP_FLAG);
DECLARE_FEATURE(VMX_MSR_BITMAPS);
DECLARE_FEATURE(VMX_IO_BITMAPS);
DECLARE_FEATURE(VMX_EPT);
DECLARE_FEATURE(VMX_VPID);
DECLARE_FEATURE(VMX_UNRESTRICTED_GUEST);
DECLARE_FEATURE(VMX_DESC_EXITING);
DECLARE_FEATURE(VMX_LOAD_PAT);
DECLARE_FEATURE(VMX_LOAD_EFER);
DECLARE_FEATURE(VMX_SHADOW_VMCS);
DECLARE_FEATURE(VMX_APIC_ACCESSES);
DECLARE_FEATURE(VMX_X2APIC_MODE);
DECLARE_FEATURE(VMX_APIC_REGISTER_VIRT);
DECLARE_FEATURE(VMX_VIRTUAL_INTR_DELIVERY);
DECLARE_FEATURE(VMX_POSTED_INTR);
DECLARE_FEATURE(VMX_LOAD_PERF_GLOBAL_CTRL);
DECLARE_FEATURE(VMX_LOAD_BNDCFGS);
DECLARE_FEATURE(VMX_XSAVES);
DECLARE_FEATURE(VMX_PML);
DECLARE_FEATURE(VMX_EPT_VIOLATION_VE);
DECLARE_FEATURE(VMX_EPTP_SWITCHING);
/* Of EPT and VPIDs, by the bits of IA32_VMX_EPT_VPID_CAP; each with what it is of. */
DECLARE_FEATURE(VMX_EPT_AD);
DECLARE_FEATURE(VMX_EPT_EXECUTE_ONLY);
DECLARE_FEATURE(VMX_EPT_2MB_PAGE);
DECLARE_FEATURE(VMX_EPT_1GB_PAGE);
DECLARE_FEATURE(VMX_INVEPT_CONTEXT);
DECLARE_FEATURE(VMX_INVEPT_GLOBAL);
DECLARE_FEATURE(VMX_INVVPID_INDIVIDUAL_ADDR);
DECLARE_FEATURE(VMX_INVVPID_SINGLE_CONTEXT);
DECLARE_FEATURE(VMX_INVVPID_ALL_CONTEXT);
DECLARE_FEATURE(VMX_INVVPID_SINGLE_NON_GLOBAL);
/* What IA32_VMX_MISC says. */
DECLARE_FEATURE(VMX_ZERO_LEN_INS);
DECLARE_FEATURE(VMX_ACTIVITY_HLT);
DECLARE_FEATURE(VMX_ACTIVITY_SHUTDOWN);
DECLARE_FEATURE(VMX_ACTIVITY_WAIT_SIPI);

/*
 * Whether all these bits of a field of controls may be 1, or may be 0: PIN_BASED_, CPU_BASED_
 * and SECONDARY_VM_EXEC_CONTROL, VM_EXIT_CONTROLS, VM_ENTRY_CONTROLS.
 */
bool vmx_may_set(enum vmcs_field field, u32 bits);
bool vmx_may_clear(enum vmcs_field field, u32 bits);

/* "GUEST_RIP", "0x681f" */
const char *vmcs_field_name(u32 field);
/* All of them, and a value of a field's width that occurs nowhere else, another for each seed. */
extern const u32 vmcs_fields[VMCS_FIELD_COUNT];
u64 vmcs_field_pattern(u32 field, u64 seed);
/* "VMLAUNCH_NONCLEAR_VMCS", "0x63" */
const char *vm_instruction_error_name(u64 number);

/* ---- VMX operation and single instructions, for tests of these ---- */

/* Enters VMX operation on this CPU, if it is not in it. l2_new() does it. */
void vmx_enable(void);
/* Leaves it. An L2 that is to be entered again later must have been cleared: vmx_clear(). */
void vmx_disable(void);
bool vmx_enabled(void);
/* The region that this CPU's VMXON has been given. */
phys_addr_t vmxon_region(void);
/* A region for VMXON or VMCLEAR, with the revision in it: the caller's, a page. */
struct vmcs *vmcs_alloc(void);

/* How an instruction has ended (31.2). */
enum vmx_result {
	VM_SUCCEED,
	VM_FAIL_INVALID, /* CF: there was no current VMCS to put the error into */
	VM_FAIL_VALID,	 /* ZF: VM_INSTRUCTION_ERROR of the current VMCS says why */
	VM_EXCEPTION,	 /* exception_vector() */
};

enum vmx_result vmxon(phys_addr_t region);
enum vmx_result vmxoff(void);
enum vmx_result vmclear(phys_addr_t vmcs);
enum vmx_result vmptrld(phys_addr_t vmcs);
/* All ones: there is none. */
enum vmx_result vmptrst(phys_addr_t *vmcs);
enum vmx_result vmread(u64 field, u64 *value);
enum vmx_result vmwrite(u64 field, u64 value);
/* Where there is no current VMCS, so that they fail; otherwise vmx_launch() and vmx_resume(). */
enum vmx_result vmlaunch(void);
enum vmx_result vmresume(void);
/* TYPE: VMX_EPT_EXTENT_*. */
enum vmx_result invept(u64 type, u64 eptp);
/* TYPE: VMX_VPID_EXTENT_*; VPID: all 64 bits of the descriptor's first half. */
enum vmx_result invvpid(u64 type, u64 vpid, u64 linear);

/* "VMsucceed", "VMfailValid 4 (VMLAUNCH_NONCLEAR_VMCS)", "#UD"; good until the next call. */
const char *vmx_result_text(enum vmx_result result);
/* Without an error or exception: "VMsucceed", "VMfailInvalid", "VMfailValid", "an exception". */
const char *vmx_result_name(enum vmx_result result);
/* Reports a failure unless the instruction has succeeded. */
void vmx_check_success(const char *instruction, enum vmx_result result);

/* ---- L2 ---- */

/*
 * l2_enter() is one VMLAUNCH or VMRESUME, by launch state, with interrupts off around it, so
 * that L1's come after the exit; gives the exit reason, all 32 bits of it, or
 * L2_NOT_ENTERED. What L1 has in x87, SSE and AVX registers goes in too and comes back
 * changed, unless l2_set_xsave() has given L2 its own. L1 comes back with the host state of the
 * VMCS, which is that of the CPU at l2_new() or vmx_copy_host_state(); with limits of 0xffff in
 * GDTR and IDTR, DR7 0x400, no LDT, and IA32_DEBUGCTL 0 (28.5).
 */
void vmx_copy_host_state(struct l2 *l2);
/* The same with one of the two instructions, whatever the launch state is. */
enum vmx_result vmx_launch(struct l2 *l2);
enum vmx_result vmx_resume(struct l2 *l2);

/* Fields of L2's VMCS, which becomes the current one. */
u64 vmx_get(const struct l2 *l2, enum vmcs_field field);
void vmx_set(struct l2 *l2, enum vmcs_field field, u64 value);
void vmx_make_current(const struct l2 *l2);
/* VMCLEAR: the VMCS is in memory, not active, and to be launched. */
void vmx_clear(struct l2 *l2);

/* Sets or clears bits of controls; aborts for what this CPU cannot do. */
void vmx_set_controls(struct l2 *l2, enum vmcs_field field, u32 bits);
void vmx_clear_controls(struct l2 *l2, enum vmcs_field field, u32 bits);

void vmx_intercept_exception(struct l2 *l2, int vector, bool on);

/* Add to the MSR areas; give the entry, in which an exit stores. */
struct vmx_msr_entry *vmx_load_msr_at_entry(struct l2 *l2, u32 index, u64 value);
struct vmx_msr_entry *vmx_store_msr_at_exit(struct l2 *l2, u32 index);
struct vmx_msr_entry *vmx_load_msr_at_exit(struct l2 *l2, u32 index, u64 value);

/* Gives L2 extended page tables that map RAM and devices where they are. */
void vmx_use_ept(struct l2 *l2);
/* Its entry for the 4 KiB page at a physical address of L2's. */
pteval_t *vmx_ept_entry(struct l2 *l2, phys_addr_t address);
/* INVEPT of what EPT_POINTER names, by whichever type there is. */
void vmx_flush_ept(struct l2 *l2);
/* That of 2 MiB (level 2) or more; the tables on the way to it are made. */
pteval_t *vmx_ept_entry_at(struct l2 *l2, phys_addr_t address, int level);

/* RIP behind the instruction that has exited, by its length, and no blocking by STI or MOV SS. */
void vmx_skip(struct l2 *l2);
/* For the next entry: INTR_TYPE_*, a vector, INTR_INFO_DELIVER_CODE_MASK for an error code. */
void vmx_inject(struct l2 *l2, u32 event, u32 error_code);

#endif
