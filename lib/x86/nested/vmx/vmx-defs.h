/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMX's constants and structures (Intel SDM volume 3, edition of December 2023): fields of the VMCS
 * (appendix B), controls (chapter 25, "Virtual Machine Control Structures"), exit reasons (appendix
 * C), exit information (chapter 28, "VM Exits"), capabilities (appendix A), and VM-instruction
 * errors (31.4). Names are those of Linux's asm/vmx.h and uapi/asm/vmx.h. tests/unit/constants.c
 * compares the exit reasons with the latter. This file is for C and assembly.
 */
#ifndef X86_VMX_DEFS_H
#define X86_VMX_DEFS_H

/* The fields that vmx-entry.S writes. */
#define VMCS_HOST_RSP 0x6c14
#define VMCS_HOST_RIP 0x6c16

/* ---- exit reasons (appendix C) ---- */

/* The bit in the exit reason of an entry that has failed. */
#define VMX_EXIT_REASONS_FAILED_VMENTRY 0x80000000

#define EXIT_REASON_EXCEPTION_NMI	0
#define EXIT_REASON_EXTERNAL_INTERRUPT	1
#define EXIT_REASON_TRIPLE_FAULT	2
#define EXIT_REASON_INIT_SIGNAL		3
#define EXIT_REASON_SIPI_SIGNAL		4
#define EXIT_REASON_INTERRUPT_WINDOW	7
#define EXIT_REASON_NMI_WINDOW		8
#define EXIT_REASON_TASK_SWITCH		9
#define EXIT_REASON_CPUID		10
#define EXIT_REASON_HLT			12
#define EXIT_REASON_INVD		13
#define EXIT_REASON_INVLPG		14
#define EXIT_REASON_RDPMC		15
#define EXIT_REASON_RDTSC		16
#define EXIT_REASON_VMCALL		18
#define EXIT_REASON_VMCLEAR		19
#define EXIT_REASON_VMLAUNCH		20
#define EXIT_REASON_VMPTRLD		21
#define EXIT_REASON_VMPTRST		22
#define EXIT_REASON_VMREAD		23
#define EXIT_REASON_VMRESUME		24
#define EXIT_REASON_VMWRITE		25
#define EXIT_REASON_VMOFF		26
#define EXIT_REASON_VMON		27
#define EXIT_REASON_CR_ACCESS		28
#define EXIT_REASON_DR_ACCESS		29
#define EXIT_REASON_IO_INSTRUCTION	30
#define EXIT_REASON_MSR_READ		31
#define EXIT_REASON_MSR_WRITE		32
#define EXIT_REASON_INVALID_STATE	33
#define EXIT_REASON_MSR_LOAD_FAIL	34
#define EXIT_REASON_MWAIT_INSTRUCTION	36
#define EXIT_REASON_MONITOR_TRAP_FLAG	37
#define EXIT_REASON_MONITOR_INSTRUCTION 39
#define EXIT_REASON_PAUSE_INSTRUCTION	40
#define EXIT_REASON_MCE_DURING_VMENTRY	41
#define EXIT_REASON_TPR_BELOW_THRESHOLD 43
#define EXIT_REASON_APIC_ACCESS		44
#define EXIT_REASON_EOI_INDUCED		45
#define EXIT_REASON_GDTR_IDTR		46
#define EXIT_REASON_LDTR_TR		47
#define EXIT_REASON_EPT_VIOLATION	48
#define EXIT_REASON_EPT_MISCONFIG	49
#define EXIT_REASON_INVEPT		50
#define EXIT_REASON_RDTSCP		51
#define EXIT_REASON_PREEMPTION_TIMER	52
#define EXIT_REASON_INVVPID		53
#define EXIT_REASON_WBINVD		54
#define EXIT_REASON_XSETBV		55
#define EXIT_REASON_APIC_WRITE		56
#define EXIT_REASON_RDRAND		57
#define EXIT_REASON_INVPCID		58
#define EXIT_REASON_VMFUNC		59
#define EXIT_REASON_ENCLS		60
#define EXIT_REASON_RDSEED		61
#define EXIT_REASON_PML_FULL		62
#define EXIT_REASON_XSAVES		63
#define EXIT_REASON_XRSTORS		64
#define EXIT_REASON_UMWAIT		67
#define EXIT_REASON_TPAUSE		68
#define EXIT_REASON_BUS_LOCK		74
#define EXIT_REASON_NOTIFY		75

#ifndef __ASSEMBLER__

#include "libcflat.h"

/* ---- fields (appendix B): X(name, encoding) ---- */

#define VMCS_FIELDS(X)                                                                             \
	X(VIRTUAL_PROCESSOR_ID, 0x0000)                                                            \
	X(POSTED_INTR_NV, 0x0002)                                                                  \
	X(EPTP_INDEX, 0x0004)                                                                      \
	X(GUEST_ES_SELECTOR, 0x0800)                                                               \
	X(GUEST_CS_SELECTOR, 0x0802)                                                               \
	X(GUEST_SS_SELECTOR, 0x0804)                                                               \
	X(GUEST_DS_SELECTOR, 0x0806)                                                               \
	X(GUEST_FS_SELECTOR, 0x0808)                                                               \
	X(GUEST_GS_SELECTOR, 0x080a)                                                               \
	X(GUEST_LDTR_SELECTOR, 0x080c)                                                             \
	X(GUEST_TR_SELECTOR, 0x080e)                                                               \
	X(GUEST_INTR_STATUS, 0x0810)                                                               \
	X(GUEST_PML_INDEX, 0x0812)                                                                 \
	X(HOST_ES_SELECTOR, 0x0c00)                                                                \
	X(HOST_CS_SELECTOR, 0x0c02)                                                                \
	X(HOST_SS_SELECTOR, 0x0c04)                                                                \
	X(HOST_DS_SELECTOR, 0x0c06)                                                                \
	X(HOST_FS_SELECTOR, 0x0c08)                                                                \
	X(HOST_GS_SELECTOR, 0x0c0a)                                                                \
	X(HOST_TR_SELECTOR, 0x0c0c)                                                                \
	X(IO_BITMAP_A, 0x2000)                                                                     \
	X(IO_BITMAP_B, 0x2002)                                                                     \
	X(MSR_BITMAP, 0x2004)                                                                      \
	X(VM_EXIT_MSR_STORE_ADDR, 0x2006)                                                          \
	X(VM_EXIT_MSR_LOAD_ADDR, 0x2008)                                                           \
	X(VM_ENTRY_MSR_LOAD_ADDR, 0x200a)                                                          \
	X(PML_ADDRESS, 0x200e)                                                                     \
	X(TSC_OFFSET, 0x2010)                                                                      \
	X(VIRTUAL_APIC_PAGE_ADDR, 0x2012)                                                          \
	X(APIC_ACCESS_ADDR, 0x2014)                                                                \
	X(POSTED_INTR_DESC_ADDR, 0x2016)                                                           \
	X(VM_FUNCTION_CONTROL, 0x2018)                                                             \
	X(EPT_POINTER, 0x201a)                                                                     \
	X(EOI_EXIT_BITMAP0, 0x201c)                                                                \
	X(EOI_EXIT_BITMAP1, 0x201e)                                                                \
	X(EOI_EXIT_BITMAP2, 0x2020)                                                                \
	X(EOI_EXIT_BITMAP3, 0x2022)                                                                \
	X(EPTP_LIST_ADDRESS, 0x2024)                                                               \
	X(VMREAD_BITMAP, 0x2026)                                                                   \
	X(VMWRITE_BITMAP, 0x2028)                                                                  \
	X(VE_INFORMATION_ADDRESS, 0x202a)                                                          \
	X(XSS_EXIT_BITMAP, 0x202c)                                                                 \
	X(ENCLS_EXITING_BITMAP, 0x202e)                                                            \
	X(TSC_MULTIPLIER, 0x2032)                                                                  \
	X(GUEST_PHYSICAL_ADDRESS, 0x2400)                                                          \
	X(VMCS_LINK_POINTER, 0x2800)                                                               \
	X(GUEST_IA32_DEBUGCTL, 0x2802)                                                             \
	X(GUEST_IA32_PAT, 0x2804)                                                                  \
	X(GUEST_IA32_EFER, 0x2806)                                                                 \
	X(GUEST_IA32_PERF_GLOBAL_CTRL, 0x2808)                                                     \
	X(GUEST_PDPTR0, 0x280a)                                                                    \
	X(GUEST_PDPTR1, 0x280c)                                                                    \
	X(GUEST_PDPTR2, 0x280e)                                                                    \
	X(GUEST_PDPTR3, 0x2810)                                                                    \
	X(GUEST_BNDCFGS, 0x2812)                                                                   \
	X(GUEST_IA32_RTIT_CTL, 0x2814)                                                             \
	X(HOST_IA32_PAT, 0x2c00)                                                                   \
	X(HOST_IA32_EFER, 0x2c02)                                                                  \
	X(HOST_IA32_PERF_GLOBAL_CTRL, 0x2c04)                                                      \
	X(PIN_BASED_VM_EXEC_CONTROL, 0x4000)                                                       \
	X(CPU_BASED_VM_EXEC_CONTROL, 0x4002)                                                       \
	X(EXCEPTION_BITMAP, 0x4004)                                                                \
	X(PAGE_FAULT_ERROR_CODE_MASK, 0x4006)                                                      \
	X(PAGE_FAULT_ERROR_CODE_MATCH, 0x4008)                                                     \
	X(CR3_TARGET_COUNT, 0x400a)                                                                \
	X(VM_EXIT_CONTROLS, 0x400c)                                                                \
	X(VM_EXIT_MSR_STORE_COUNT, 0x400e)                                                         \
	X(VM_EXIT_MSR_LOAD_COUNT, 0x4010)                                                          \
	X(VM_ENTRY_CONTROLS, 0x4012)                                                               \
	X(VM_ENTRY_MSR_LOAD_COUNT, 0x4014)                                                         \
	X(VM_ENTRY_INTR_INFO_FIELD, 0x4016)                                                        \
	X(VM_ENTRY_EXCEPTION_ERROR_CODE, 0x4018)                                                   \
	X(VM_ENTRY_INSTRUCTION_LEN, 0x401a)                                                        \
	X(TPR_THRESHOLD, 0x401c)                                                                   \
	X(SECONDARY_VM_EXEC_CONTROL, 0x401e)                                                       \
	X(PLE_GAP, 0x4020)                                                                         \
	X(PLE_WINDOW, 0x4022)                                                                      \
	X(VM_INSTRUCTION_ERROR, 0x4400)                                                            \
	X(VM_EXIT_REASON, 0x4402)                                                                  \
	X(VM_EXIT_INTR_INFO, 0x4404)                                                               \
	X(VM_EXIT_INTR_ERROR_CODE, 0x4406)                                                         \
	X(IDT_VECTORING_INFO_FIELD, 0x4408)                                                        \
	X(IDT_VECTORING_ERROR_CODE, 0x440a)                                                        \
	X(VM_EXIT_INSTRUCTION_LEN, 0x440c)                                                         \
	X(VMX_INSTRUCTION_INFO, 0x440e)                                                            \
	X(GUEST_ES_LIMIT, 0x4800)                                                                  \
	X(GUEST_CS_LIMIT, 0x4802)                                                                  \
	X(GUEST_SS_LIMIT, 0x4804)                                                                  \
	X(GUEST_DS_LIMIT, 0x4806)                                                                  \
	X(GUEST_FS_LIMIT, 0x4808)                                                                  \
	X(GUEST_GS_LIMIT, 0x480a)                                                                  \
	X(GUEST_LDTR_LIMIT, 0x480c)                                                                \
	X(GUEST_TR_LIMIT, 0x480e)                                                                  \
	X(GUEST_GDTR_LIMIT, 0x4810)                                                                \
	X(GUEST_IDTR_LIMIT, 0x4812)                                                                \
	X(GUEST_ES_AR_BYTES, 0x4814)                                                               \
	X(GUEST_CS_AR_BYTES, 0x4816)                                                               \
	X(GUEST_SS_AR_BYTES, 0x4818)                                                               \
	X(GUEST_DS_AR_BYTES, 0x481a)                                                               \
	X(GUEST_FS_AR_BYTES, 0x481c)                                                               \
	X(GUEST_GS_AR_BYTES, 0x481e)                                                               \
	X(GUEST_LDTR_AR_BYTES, 0x4820)                                                             \
	X(GUEST_TR_AR_BYTES, 0x4822)                                                               \
	X(GUEST_INTERRUPTIBILITY_INFO, 0x4824)                                                     \
	X(GUEST_ACTIVITY_STATE, 0x4826)                                                            \
	X(GUEST_SYSENTER_CS, 0x482a)                                                               \
	X(VMX_PREEMPTION_TIMER_VALUE, 0x482e)                                                      \
	X(HOST_IA32_SYSENTER_CS, 0x4c00)                                                           \
	X(CR0_GUEST_HOST_MASK, 0x6000)                                                             \
	X(CR4_GUEST_HOST_MASK, 0x6002)                                                             \
	X(CR0_READ_SHADOW, 0x6004)                                                                 \
	X(CR4_READ_SHADOW, 0x6006)                                                                 \
	X(CR3_TARGET_VALUE0, 0x6008)                                                               \
	X(CR3_TARGET_VALUE1, 0x600a)                                                               \
	X(CR3_TARGET_VALUE2, 0x600c)                                                               \
	X(CR3_TARGET_VALUE3, 0x600e)                                                               \
	X(EXIT_QUALIFICATION, 0x6400)                                                              \
	X(GUEST_LINEAR_ADDRESS, 0x640a)                                                            \
	X(GUEST_CR0, 0x6800)                                                                       \
	X(GUEST_CR3, 0x6802)                                                                       \
	X(GUEST_CR4, 0x6804)                                                                       \
	X(GUEST_ES_BASE, 0x6806)                                                                   \
	X(GUEST_CS_BASE, 0x6808)                                                                   \
	X(GUEST_SS_BASE, 0x680a)                                                                   \
	X(GUEST_DS_BASE, 0x680c)                                                                   \
	X(GUEST_FS_BASE, 0x680e)                                                                   \
	X(GUEST_GS_BASE, 0x6810)                                                                   \
	X(GUEST_LDTR_BASE, 0x6812)                                                                 \
	X(GUEST_TR_BASE, 0x6814)                                                                   \
	X(GUEST_GDTR_BASE, 0x6816)                                                                 \
	X(GUEST_IDTR_BASE, 0x6818)                                                                 \
	X(GUEST_DR7, 0x681a)                                                                       \
	X(GUEST_RSP, 0x681c)                                                                       \
	X(GUEST_RIP, 0x681e)                                                                       \
	X(GUEST_RFLAGS, 0x6820)                                                                    \
	X(GUEST_PENDING_DBG_EXCEPTIONS, 0x6822)                                                    \
	X(GUEST_SYSENTER_ESP, 0x6824)                                                              \
	X(GUEST_SYSENTER_EIP, 0x6826)                                                              \
	X(HOST_CR0, 0x6c00)                                                                        \
	X(HOST_CR3, 0x6c02)                                                                        \
	X(HOST_CR4, 0x6c04)                                                                        \
	X(HOST_FS_BASE, 0x6c06)                                                                    \
	X(HOST_GS_BASE, 0x6c08)                                                                    \
	X(HOST_TR_BASE, 0x6c0a)                                                                    \
	X(HOST_GDTR_BASE, 0x6c0c)                                                                  \
	X(HOST_IDTR_BASE, 0x6c0e)                                                                  \
	X(HOST_IA32_SYSENTER_ESP, 0x6c10)                                                          \
	X(HOST_IA32_SYSENTER_EIP, 0x6c12)                                                          \
	X(HOST_RSP, 0x6c14)                                                                        \
	X(HOST_RIP, 0x6c16)

enum vmcs_field {
#define VMCS_FIELD(name, encoding) name = encoding,
	VMCS_FIELDS(VMCS_FIELD)
#undef VMCS_FIELD
};

enum {
#define ONE_FIELD(name, encoding) +1
	VMCS_FIELD_COUNT = VMCS_FIELDS(ONE_FIELD)
#undef ONE_FIELD
};

_Static_assert(HOST_RSP == VMCS_HOST_RSP && HOST_RIP == VMCS_HOST_RIP, "for vmx-entry.S");

/* The parts of an encoding (25.11.2). The upper half of a 64-bit field has its own encoding. */
#define VMCS_FIELD_HIGH		BIT(0)
#define VMCS_FIELD_TYPE(field)	((field) >> 10 & 3)
#define VMCS_TYPE_CONTROL	0
#define VMCS_TYPE_READ_ONLY	1
#define VMCS_TYPE_GUEST		2
#define VMCS_TYPE_HOST		3
#define VMCS_FIELD_WIDTH(field) ((field) >> 13 & 3)
#define VMCS_WIDTH_16		0
#define VMCS_WIDTH_64		1
#define VMCS_WIDTH_32		2
#define VMCS_WIDTH_NATURAL	3

/* A VMCS region begins with the revision that IA32_VMX_BASIC gives (25.2). */
struct vmcs {
	u32 revision_id;
	u32 abort;
	u8 data[0xff8];
};

#define VMCS_SHADOW_INDICATOR BIT(31) /* in revision_id */

/* An entry of the MSR areas (25.7.2, 25.8.2). */
struct vmx_msr_entry {
	u32 index;
	u32 reserved;
	u64 value;
};

_Static_assert(sizeof(struct vmcs) == 0x1000 && sizeof(struct vmx_msr_entry) == 16,
	       "SDM volume 3, 25.2 and 25.7.2");

/* ---- controls ---- */

/* PIN_BASED_VM_EXEC_CONTROL (25.6.1). */
#define PIN_BASED_EXT_INTR_MASK	       BIT(0)
#define PIN_BASED_NMI_EXITING	       BIT(3)
#define PIN_BASED_VIRTUAL_NMIS	       BIT(5)
#define PIN_BASED_VMX_PREEMPTION_TIMER BIT(6)
#define PIN_BASED_POSTED_INTR	       BIT(7)

/* CPU_BASED_VM_EXEC_CONTROL (25.6.2). */
#define CPU_BASED_INTR_WINDOW_EXITING	      BIT(2)
#define CPU_BASED_USE_TSC_OFFSETTING	      BIT(3)
#define CPU_BASED_HLT_EXITING		      BIT(7)
#define CPU_BASED_INVLPG_EXITING	      BIT(9)
#define CPU_BASED_MWAIT_EXITING		      BIT(10)
#define CPU_BASED_RDPMC_EXITING		      BIT(11)
#define CPU_BASED_RDTSC_EXITING		      BIT(12)
#define CPU_BASED_CR3_LOAD_EXITING	      BIT(15)
#define CPU_BASED_CR3_STORE_EXITING	      BIT(16)
#define CPU_BASED_CR8_LOAD_EXITING	      BIT(19)
#define CPU_BASED_CR8_STORE_EXITING	      BIT(20)
#define CPU_BASED_TPR_SHADOW		      BIT(21)
#define CPU_BASED_NMI_WINDOW_EXITING	      BIT(22)
#define CPU_BASED_MOV_DR_EXITING	      BIT(23)
#define CPU_BASED_UNCOND_IO_EXITING	      BIT(24)
#define CPU_BASED_USE_IO_BITMAPS	      BIT(25)
#define CPU_BASED_MONITOR_TRAP_FLAG	      BIT(27)
#define CPU_BASED_USE_MSR_BITMAPS	      BIT(28)
#define CPU_BASED_MONITOR_EXITING	      BIT(29)
#define CPU_BASED_PAUSE_EXITING		      BIT(30)
#define CPU_BASED_ACTIVATE_SECONDARY_CONTROLS BIT(31)

/* SECONDARY_VM_EXEC_CONTROL (25.6.2). */
#define SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES BIT(0)
#define SECONDARY_EXEC_ENABLE_EPT		BIT(1)
#define SECONDARY_EXEC_DESC			BIT(2)
#define SECONDARY_EXEC_ENABLE_RDTSCP		BIT(3)
#define SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE	BIT(4)
#define SECONDARY_EXEC_ENABLE_VPID		BIT(5)
#define SECONDARY_EXEC_WBINVD_EXITING		BIT(6)
#define SECONDARY_EXEC_UNRESTRICTED_GUEST	BIT(7)
#define SECONDARY_EXEC_APIC_REGISTER_VIRT	BIT(8)
#define SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY	BIT(9)
#define SECONDARY_EXEC_PAUSE_LOOP_EXITING	BIT(10)
#define SECONDARY_EXEC_RDRAND_EXITING		BIT(11)
#define SECONDARY_EXEC_ENABLE_INVPCID		BIT(12)
#define SECONDARY_EXEC_ENABLE_VMFUNC		BIT(13)
#define SECONDARY_EXEC_SHADOW_VMCS		BIT(14)
#define SECONDARY_EXEC_ENCLS_EXITING		BIT(15)
#define SECONDARY_EXEC_RDSEED_EXITING		BIT(16)
#define SECONDARY_EXEC_ENABLE_PML		BIT(17)
#define SECONDARY_EXEC_EPT_VIOLATION_VE		BIT(18)
#define SECONDARY_EXEC_PT_CONCEAL_VMX		BIT(19)
#define SECONDARY_EXEC_XSAVES			BIT(20)
#define SECONDARY_EXEC_MODE_BASED_EPT_EXEC	BIT(22)
#define SECONDARY_EXEC_PT_USE_GPA		BIT(24)
#define SECONDARY_EXEC_TSC_SCALING		BIT(25)
#define SECONDARY_EXEC_ENABLE_USR_WAIT_PAUSE	BIT(26)

/* VM_EXIT_CONTROLS (25.7.1). */
#define VM_EXIT_SAVE_DEBUG_CONTROLS	   BIT(2)
#define VM_EXIT_HOST_ADDR_SPACE_SIZE	   BIT(9)
#define VM_EXIT_LOAD_IA32_PERF_GLOBAL_CTRL BIT(12)
#define VM_EXIT_ACK_INTR_ON_EXIT	   BIT(15)
#define VM_EXIT_SAVE_IA32_PAT		   BIT(18)
#define VM_EXIT_LOAD_IA32_PAT		   BIT(19)
#define VM_EXIT_SAVE_IA32_EFER		   BIT(20)
#define VM_EXIT_LOAD_IA32_EFER		   BIT(21)
#define VM_EXIT_SAVE_VMX_PREEMPTION_TIMER  BIT(22)
#define VM_EXIT_CLEAR_BNDCFGS		   BIT(23)
#define VM_EXIT_PT_CONCEAL_PIP		   BIT(24)
#define VM_EXIT_CLEAR_IA32_RTIT_CTL	   BIT(25)

/* VM_ENTRY_CONTROLS (25.8.1). */
#define VM_ENTRY_LOAD_DEBUG_CONTROLS	    BIT(2)
#define VM_ENTRY_IA32E_MODE		    BIT(9)
#define VM_ENTRY_SMM			    BIT(10)
#define VM_ENTRY_DEACT_DUAL_MONITOR	    BIT(11)
#define VM_ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL BIT(13)
#define VM_ENTRY_LOAD_IA32_PAT		    BIT(14)
#define VM_ENTRY_LOAD_IA32_EFER		    BIT(15)
#define VM_ENTRY_LOAD_BNDCFGS		    BIT(16)
#define VM_ENTRY_PT_CONCEAL_PIP		    BIT(17)
#define VM_ENTRY_LOAD_IA32_RTIT_CTL	    BIT(18)

/* ---- guest state ---- */

/* GUEST_*_AR_BYTES (25.4.1). */
#define VMX_AR_S_MASK	     BIT(4)
#define VMX_AR_P_MASK	     BIT(7)
#define VMX_AR_L_MASK	     BIT(13)
#define VMX_AR_DB_MASK	     BIT(14)
#define VMX_AR_G_MASK	     BIT(15)
#define VMX_AR_UNUSABLE_MASK BIT(16)

/* GUEST_INTERRUPTIBILITY_INFO (25.4.2). */
#define GUEST_INTR_STATE_STI	BIT(0)
#define GUEST_INTR_STATE_MOV_SS BIT(1)
#define GUEST_INTR_STATE_SMI	BIT(2)
#define GUEST_INTR_STATE_NMI	BIT(3)

/* GUEST_ACTIVITY_STATE (25.4.2). */
#define GUEST_ACTIVITY_ACTIVE	 0
#define GUEST_ACTIVITY_HLT	 1
#define GUEST_ACTIVITY_SHUTDOWN	 2
#define GUEST_ACTIVITY_WAIT_SIPI 3

/* ---- events: VM_ENTRY_INTR_INFO_FIELD, VM_EXIT_INTR_INFO, IDT_VECTORING_INFO_FIELD ---- */

#define INTR_INFO_VECTOR_MASK	    0xfful
#define INTR_INFO_INTR_TYPE_MASK    (7ul << 8)
#define INTR_INFO_DELIVER_CODE_MASK BIT(11)
#define INTR_INFO_UNBLOCK_NMI	    BIT(12)
#define INTR_INFO_VALID_MASK	    BIT(31)
#define INTR_TYPE_EXT_INTR	    (0ul << 8)
#define INTR_TYPE_NMI_INTR	    (2ul << 8)
#define INTR_TYPE_HARD_EXCEPTION    (3ul << 8)
#define INTR_TYPE_SOFT_INTR	    (4ul << 8)
#define INTR_TYPE_PRIV_SW_EXCEPTION (5ul << 8)
#define INTR_TYPE_SOFT_EXCEPTION    (6ul << 8)

/* ---- exit qualification (28.2.1) ---- */

/* Control registers, table 28-3: the register, the kind of access, the general register. */
#define CONTROL_REG_ACCESS_NUM	0xful
#define CONTROL_REG_ACCESS_TYPE (3ul << 4)
#define CONTROL_REG_MOV_TO	(0ul << 4)
#define CONTROL_REG_MOV_FROM	(1ul << 4)
#define CONTROL_REG_CLTS	(2ul << 4)
#define CONTROL_REG_LMSW	(3ul << 4)
#define CONTROL_REG_GPR(n)	((u64)(n) << 8)
#define LMSW_SOURCE_DATA_SHIFT	16

/* Debug registers, table 28-4. */
#define TYPE_MOV_TO_DR	 (0ul << 4)
#define TYPE_MOV_FROM_DR (1ul << 4)
#define DEBUG_REG_GPR(n) ((u64)(n) << 8)

/* I/O instructions, table 28-5. */
#define IO_SIZE_1    0ul
#define IO_SIZE_2    1ul
#define IO_SIZE_4    3ul
#define IO_IN	     BIT(3)
#define IO_STRING    BIT(4)
#define IO_REP	     BIT(5)
#define IO_IMMEDIATE BIT(6)
#define IO_PORT(n)   ((u64)(n) << 16)

/* Accesses to the APIC-access page, table 28-6: the offset is in bits 11:0. */
#define TYPE_LINEAR_APIC_INST_READ  (0ul << 12)
#define TYPE_LINEAR_APIC_INST_WRITE (1ul << 12)

/* An entry that has failed for its guest state (27.8). */
#define ENTRY_FAIL_DEFAULT	 0
#define ENTRY_FAIL_PDPTE	 2
#define ENTRY_FAIL_NMI		 3
#define ENTRY_FAIL_VMCS_LINK_PTR 4

/* EPT violations, table 28-7: the access, what the entries allow, and the linear address. */
#define EPT_VIOLATION_ACC_READ	     BIT(0)
#define EPT_VIOLATION_ACC_WRITE	     BIT(1)
#define EPT_VIOLATION_ACC_INSTR	     BIT(2)
#define EPT_VIOLATION_RWX_SHIFT	     3
#define EPT_VIOLATION_GVA_IS_VALID   BIT(7)
#define EPT_VIOLATION_GVA_TRANSLATED BIT(8) /* the final access, not one of the walk to it */

/* ---- capabilities (appendix A) ---- */

#define VMX_BASIC_REVISION(x) ((x)&GENMASK(30, 0))
#define VMX_BASIC_SIZE(x)     ((x) >> 32 & 0x1fff)
#define VMX_BASIC_INOUT	      BIT(54) /* instruction information of INS and OUTS */
#define VMX_BASIC_TRUE_CTLS   BIT(55)

#define VMX_MISC_PREEMPTION_TIMER_RATE(x) ((x)&0x1f)
#define VMX_MISC_SAVE_EFER_LMA		  BIT(5)
#define VMX_MISC_ACTIVITY_HLT		  BIT(6)
#define VMX_MISC_ACTIVITY_SHUTDOWN	  BIT(7)
#define VMX_MISC_ACTIVITY_WAIT_SIPI	  BIT(8)
#define VMX_MISC_CR3_TARGETS(x)		  ((x) >> 16 & 0x1ff)
#define VMX_MISC_MAX_MSRS(x)		  (((x) >> 25 & 7) * 512 + 512)
#define VMX_MISC_VMWRITE_ANY		  BIT(29)
#define VMX_MISC_ZERO_LEN_INS		  BIT(30)

/* ---- EPT (29.3) ---- */

#define VMX_EPT_READABLE_MASK	BIT(0)
#define VMX_EPT_WRITABLE_MASK	BIT(1)
#define VMX_EPT_EXECUTABLE_MASK BIT(2)
#define VMX_EPT_RWX_MASK	0x7ul
#define VMX_EPT_MT_EPTE_SHIFT	3
#define VMX_EPT_PAGE_SIZE	BIT(7)
#define VMX_EPT_ACCESS_BIT	BIT(8)
#define VMX_EPT_DIRTY_BIT	BIT(9)
#define VMX_EPT_SUPPRESS_VE_BIT BIT(63)
#define VMX_EPTP_MT_UC		0ul
#define VMX_EPTP_MT_WB		6ul
#define VMX_EPTP_PWL_4		0x18ul
#define VMX_EPTP_AD_ENABLE_BIT	BIT(6)

/* Information on a virtualization exception (26.5.7.2). None comes while `busy` is not 0. */
struct vmx_ve_information {
	u32 exit_reason;
	u32 busy;
	u64 exit_qualification;
	u64 guest_linear_address;
	u64 guest_physical_address;
	u16 eptp_index;
};

/* How many entries the EPTP list and the page-modification log have (26.5.6.3, 29.3.6). */
#define VMFUNC_EPTP_ENTRIES 512
#define PML_ENTITY_NUM	    512
/* VM_FUNCTION_CONTROL. */
#define VMX_VMFUNC_EPTP_SWITCHING BIT(0)

/* IA32_VMX_EPT_VPID_CAP. */
#define VMX_EPT_EXECUTE_ONLY_BIT   BIT(0)
#define VMX_EPT_PAGE_WALK_4_BIT	   BIT(6)
#define VMX_EPTP_UC_BIT		   BIT(8)
#define VMX_EPTP_WB_BIT		   BIT(14)
#define VMX_EPT_2MB_PAGE_BIT	   BIT(16)
#define VMX_EPT_1GB_PAGE_BIT	   BIT(17)
#define VMX_EPT_INVEPT_BIT	   BIT(20)
#define VMX_EPT_AD_BIT		   BIT(21)
#define VMX_EPT_EXTENT_CONTEXT_BIT BIT(25)
#define VMX_EPT_EXTENT_GLOBAL_BIT  BIT(26)
#define VMX_VPID_INVVPID_BIT	   BIT(32)

#define VMX_VPID_EXTENT_INDIVIDUAL_ADDR_BIT   BIT(40)
#define VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT    BIT(41)
#define VMX_VPID_EXTENT_GLOBAL_CONTEXT_BIT    BIT(42)
#define VMX_VPID_EXTENT_SINGLE_NON_GLOBAL_BIT BIT(43)

#define VMX_EPT_EXTENT_CONTEXT 1
#define VMX_EPT_EXTENT_GLOBAL  2

#define VMX_VPID_EXTENT_INDIVIDUAL_ADDR	  0
#define VMX_VPID_EXTENT_SINGLE_CONTEXT	  1
#define VMX_VPID_EXTENT_ALL_CONTEXT	  2
#define VMX_VPID_EXTENT_SINGLE_NON_GLOBAL 3

/* ---- VM-instruction errors (31.4): X(name, number) ---- */

#define VMX_ERRORS(X)                                                                              \
	X(VMCALL_IN_VMX_ROOT_OPERATION, 1)                                                         \
	X(VMCLEAR_INVALID_ADDRESS, 2)                                                              \
	X(VMCLEAR_VMXON_POINTER, 3)                                                                \
	X(VMLAUNCH_NONCLEAR_VMCS, 4)                                                               \
	X(VMRESUME_NONLAUNCHED_VMCS, 5)                                                            \
	X(VMRESUME_AFTER_VMXOFF, 6)                                                                \
	X(ENTRY_INVALID_CONTROL_FIELD, 7)                                                          \
	X(ENTRY_INVALID_HOST_STATE_FIELD, 8)                                                       \
	X(VMPTRLD_INVALID_ADDRESS, 9)                                                              \
	X(VMPTRLD_VMXON_POINTER, 10)                                                               \
	X(VMPTRLD_INCORRECT_VMCS_REVISION_ID, 11)                                                  \
	X(UNSUPPORTED_VMCS_COMPONENT, 12)                                                          \
	X(VMWRITE_READ_ONLY_VMCS_COMPONENT, 13)                                                    \
	X(VMXON_IN_VMX_ROOT_OPERATION, 15)                                                         \
	X(ENTRY_INVALID_EXECUTIVE_VMCS_POINTER, 16)                                                \
	X(ENTRY_NONLAUNCHED_EXECUTIVE_VMCS, 17)                                                    \
	X(ENTRY_EXECUTIVE_VMCS_POINTER_NOT_VMXON_POINTER, 18)                                      \
	X(VMCALL_NONCLEAR_VMCS, 19)                                                                \
	X(VMCALL_INVALID_VM_EXIT_CONTROL_FIELDS, 20)                                               \
	X(VMCALL_INCORRECT_MSEG_REVISION_ID, 22)                                                   \
	X(VMXOFF_UNDER_DUAL_MONITOR_TREATMENT_OF_SMIS_AND_SMM, 23)                                 \
	X(VMCALL_INVALID_SMM_MONITOR_FEATURES, 24)                                                 \
	X(ENTRY_INVALID_VM_EXECUTION_CONTROL_FIELDS_IN_EXECUTIVE_VMCS, 25)                         \
	X(ENTRY_EVENTS_BLOCKED_BY_MOV_SS, 26)                                                      \
	X(INVALID_OPERAND_TO_INVEPT_INVVPID, 28)

enum vm_instruction_error_number {
#define VMX_ERROR(name, number) VMXERR_##name = number,
	VMX_ERRORS(VMX_ERROR)
#undef VMX_ERROR
};

#endif
#endif
