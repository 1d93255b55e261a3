/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nested guests on Intel's VMX (SDM volume 3, chapters 24 to 31; numbers in comments are sections
 * of that volume). The hypervisor under test runs L1, and L1 runs L2. L2 is a C function that
 * stands beside the L1 code that runs it:
 *
 *	static void in_l2(void *data)
 *	{
 *		migrate();		// the migration happens in L2
 *		asm volatile("hlt" ...);
 *	}
 *
 *	struct l2 *l2 = l2_new(in_l2, NULL);
 *	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_HLT_EXITING);
 *	l2_expect(l2, EXIT_REASON_HLT, "the exit after the migration");
 *	vmx_skip(l2);
 *	l2_expect_return(l2);
 *	l2_free(l2);
 *
 * A new L2 begins as a copy of L1 on this CPU: it has the same page tables, IDT, GDT and per-CPU
 * data, and interrupts are on. So the whole library works in L2: report(), migrate(), wait_until(),
 * asm_safe(), handlers of exceptions and interrupts. Its controls let as little exit as possible:
 * only what always exits (26.1.2), such as CPUID. L2 takes interrupts itself, and uses L1's ports
 * and MSRs. L1 and L2 share CR2, CR8, DR0 to DR3, DR6, XCR0 and the MSRs that are not in the VMCS.
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

/* The registers that vmx-entry.S loads and saves. It relies on the order. */
struct vmx_registers {
	struct l2_registers l2;
	u64 rax;
	u64 exit_rflags;
};

struct hv_enlightened_vmcs;

struct l2 {
	struct l2_common common; /* must be first: l2.c relies on it */
	struct vmcs *vmcs;
	struct hv_enlightened_vmcs *evmcs; /* used instead of vmcs, or NULL: vmx-evmcs.h */
	bool launched;			   /* the launch state, as L1 tracks it */
	union {
		struct vmx_registers entry;
		struct {
			struct l2_registers registers;
			u64 rax;
			u64 exit_rflags; /* L1's RFLAGS after the last exit */
		};
	};
	u8 *msr_bitmap; /* a page; at first nothing exits */
	u8 *io_bitmap;	/* A and B; unused until l2_intercept_port() */
	pgd_t *ept; /* extended page tables, or NULL: L2 uses L1's physical addresses as they are */
	/* The MSR areas: VM_ENTRY_MSR_LOAD_ADDR, VM_EXIT_MSR_STORE_ADDR, VM_EXIT_MSR_LOAD_ADDR. */
	struct vmx_msr_entry *entry_load, *exit_store, *exit_load;
	u64 exit_reason;
};

/* What l2_enter() returns if VMLAUNCH or VMRESUME failed, so that there was no exit. */
#define L2_NOT_ENTERED (~0ul)

/* ---- what there is ---- */

/* VMX, not locked out by IA32_FEATURE_CONTROL. */
DECLARE_FEATURE(VMX);
/* Controls that may be set. They have the names of their bits. */
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
/* Bits of IA32_VMX_EPT_VPID_CAP. Each needs EPT or VPIDs as well. */
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
/* Bits of IA32_VMX_MISC. */
DECLARE_FEATURE(VMX_ZERO_LEN_INS);
DECLARE_FEATURE(VMX_ACTIVITY_HLT);
DECLARE_FEATURE(VMX_ACTIVITY_SHUTDOWN);
DECLARE_FEATURE(VMX_ACTIVITY_WAIT_SIPI);

/*
 * Whether all these bits of a field of controls may be 1, or may be 0. Fields of controls are
 * PIN_BASED_VM_EXEC_CONTROL, CPU_BASED_VM_EXEC_CONTROL, SECONDARY_VM_EXEC_CONTROL, VM_EXIT_CONTROLS
 * and VM_ENTRY_CONTROLS. Aborts for other fields.
 */
bool vmx_may_set(enum vmcs_field field, u32 bits);
bool vmx_may_clear(enum vmcs_field field, u32 bits);

/* "GUEST_RIP", or "0x681f" if there is no such field. The text lasts until this CPU's next call. */
const char *vmcs_field_name(u32 field);
/* The encodings of all fields, and for each field a value of its width that differs by seed. */
extern const u32 vmcs_fields[VMCS_FIELD_COUNT];
u64 vmcs_field_pattern(u32 field, u64 seed);
/* "VMLAUNCH_NONCLEAR_VMCS", or "0x63". The text lasts until this CPU's next call. */
const char *vm_instruction_error_name(u64 number);

/* ---- VMX operation and single instructions, for tests of these ---- */

/* Enters VMX operation on this CPU, if it is not there yet. l2_new() does it. */
void vmx_enable(void);
/* Leaves VMX operation. First call vmx_clear() for each L2 that will be entered again later. */
void vmx_disable(void);
bool vmx_enabled(void);
/* The region that vmx_enable() gives to VMXON on this CPU. */
phys_addr_t vmxon_region(void);
/* A page for VMXON or VMCLEAR, with the revision in it. The caller frees it with free_page(). */
struct vmcs *vmcs_alloc(void);

/* How a VMX instruction has ended (31.2). */
enum vmx_result {
	VM_SUCCEED,
	VM_FAIL_INVALID, /* CF: there is no current VMCS for the error */
	VM_FAIL_VALID,	 /* ZF: VM_INSTRUCTION_ERROR of the current VMCS is the error */
	VM_EXCEPTION,	 /* it raised exception_vector() */
};

enum vmx_result vmxon(phys_addr_t region);
enum vmx_result vmxoff(void);
enum vmx_result vmclear(phys_addr_t vmcs);
enum vmx_result vmptrld(phys_addr_t vmcs);
/* Stores the current VMCS's address, or all ones if there is none. */
enum vmx_result vmptrst(phys_addr_t *vmcs);
enum vmx_result vmread(u64 field, u64 *value);
enum vmx_result vmwrite(u64 field, u64 value);
/*
 * These are for tests without a current VMCS, where they fail. With one, use vmx_launch() and
 * vmx_resume().
 */
enum vmx_result vmlaunch(void);
enum vmx_result vmresume(void);
/* `type` is VMX_EPT_EXTENT_*. */
enum vmx_result invept(u64 type, u64 eptp);
/* `type` is VMX_VPID_EXTENT_*, `vpid` all 64 bits of the descriptor's first half. */
enum vmx_result invvpid(u64 type, u64 vpid, u64 linear);

/* "VMsucceed", "VMfailValid 4 (VMLAUNCH_NONCLEAR_VMCS)", "#UD". It lasts until the next call. */
const char *vmx_result_text(enum vmx_result result);
/*
 * Like vmx_result_text(), but does not name the error or exception: "VMsucceed", "VMfailInvalid",
 * "VMfailValid", "an exception".
 */
const char *vmx_result_name(enum vmx_result result);
/* Reports a failure unless the instruction has succeeded. */
void vmx_check_success(const char *instruction, enum vmx_result result);

/* ---- L2 ---- */

/*
 * l2_enter() runs VMLAUNCH or VMRESUME once, as the launch state demands, with interrupts off, so
 * that L1 takes its interrupts after the exit. It returns all 32 bits of the exit reason, or
 * L2_NOT_ENTERED. L2 shares L1's x87, SSE and AVX registers unless l2_set_xsave() has given it its
 * own. After the exit L1 has the VMCS's host state, which l2_new() has copied from the CPU. Then
 * the limits of GDTR and IDTR are 0xffff, DR7 is 0x400, IA32_DEBUGCTL is 0, and there is no LDT
 * (28.5). vmx_copy_host_state() copies the CPU's present state again.
 */
void vmx_copy_host_state(struct l2 *l2);
/* Like l2_enter(), but with the named instruction, whatever the launch state is. */
enum vmx_result vmx_launch(struct l2 *l2);
enum vmx_result vmx_resume(struct l2 *l2);

/*
 * Read or write a field of L2's VMCS, or only make it the current VMCS. All three make an ordinary
 * VMCS current. An enlightened VMCS is memory, which the first two access as it is. All abort on
 * failure.
 */
u64 vmx_get(const struct l2 *l2, enum vmcs_field field);
void vmx_set(struct l2 *l2, enum vmcs_field field, u64 value);
void vmx_make_current(const struct l2 *l2);
/* Executes VMCLEAR. Then the VMCS is in memory and not active, and its launch state is clear. */
void vmx_clear(struct l2 *l2);

/* Sets, or clears, bits of a field of controls. Aborts if this CPU does not allow it. */
void vmx_set_controls(struct l2 *l2, enum vmcs_field field, u32 bits);
void vmx_clear_controls(struct l2 *l2, enum vmcs_field field, u32 bits);

void vmx_intercept_exception(struct l2 *l2, int vector, bool on);

/*
 * Add an MSR to an MSR area, and return its entry. With the second function, an exit stores the
 * MSR's value in the entry.
 */
struct vmx_msr_entry *vmx_load_msr_at_entry(struct l2 *l2, u32 index, u64 value);
struct vmx_msr_entry *vmx_store_msr_at_exit(struct l2 *l2, u32 index);
struct vmx_msr_entry *vmx_load_msr_at_exit(struct l2 *l2, u32 index, u64 value);

/* Turns EPT on, with tables that map all RAM and the first 4 GiB one to one. */
void vmx_use_ept(struct l2 *l2);
/* The EPT entry for the 4 KiB page at L2's physical address. Splits a larger page. */
pteval_t *vmx_ept_entry(struct l2 *l2, phys_addr_t address);
/* Executes INVEPT for EPT_POINTER, single-context if the CPU has that, else all-context. */
void vmx_flush_ept(struct l2 *l2);
/*
 * The EPT entry of a level (1: 4 KiB, 2: 2 MiB, 3: 1 GiB). Makes the tables that lead to it, and
 * splits a 2 MiB page on the way.
 */
pteval_t *vmx_ept_entry_at(struct l2 *l2, phys_addr_t address, int level);

/* Skips the instruction that has exited, and ends blocking by STI or MOV SS. */
void vmx_skip(struct l2 *l2);
/*
 * Injects an event at the next entry. `event` is INTR_TYPE_*, the vector, and
 * INTR_INFO_DELIVER_CODE_MASK if there is an error code.
 */
void vmx_inject(struct l2 *l2, u32 event, u32 error_code);

#endif
