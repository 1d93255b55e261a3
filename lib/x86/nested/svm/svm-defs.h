/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SVM's constants and structures (AMD APM volume 2): the VMCB and its intercepts (appendix B), exit
 * codes (appendix C), and bits of fields (chapter 15). Exit codes have the names of Linux's
 * uapi/asm/svm.h, and tests/unit/constants.c compares them. This file is for C and assembly.
 */
#ifndef X86_SVM_DEFS_H
#define X86_SVM_DEFS_H

/* The VMCB offset that svm-entry.S uses: RAX in the state save area. */
#define VMCB_RAX 0x5f8

/* ---- exit codes (appendix C) ---- */

#define SVM_EXIT_READ_CR0      0x000
#define SVM_EXIT_READ_CR2      0x002
#define SVM_EXIT_READ_CR3      0x003
#define SVM_EXIT_READ_CR4      0x004
#define SVM_EXIT_READ_CR8      0x008
#define SVM_EXIT_WRITE_CR0     0x010
#define SVM_EXIT_WRITE_CR2     0x012
#define SVM_EXIT_WRITE_CR3     0x013
#define SVM_EXIT_WRITE_CR4     0x014
#define SVM_EXIT_WRITE_CR8     0x018
#define SVM_EXIT_READ_DR0      0x020
#define SVM_EXIT_READ_DR7      0x027
#define SVM_EXIT_WRITE_DR0     0x030
#define SVM_EXIT_WRITE_DR7     0x037
#define SVM_EXIT_EXCP_BASE     0x040
#define SVM_EXIT_LAST_EXCP     0x05f
#define SVM_EXIT_INTR	       0x060
#define SVM_EXIT_NMI	       0x061
#define SVM_EXIT_SMI	       0x062
#define SVM_EXIT_INIT	       0x063
#define SVM_EXIT_VINTR	       0x064
#define SVM_EXIT_CR0_SEL_WRITE 0x065
#define SVM_EXIT_IDTR_READ     0x066
#define SVM_EXIT_GDTR_READ     0x067
#define SVM_EXIT_LDTR_READ     0x068
#define SVM_EXIT_TR_READ       0x069
#define SVM_EXIT_IDTR_WRITE    0x06a
#define SVM_EXIT_GDTR_WRITE    0x06b
#define SVM_EXIT_LDTR_WRITE    0x06c
#define SVM_EXIT_TR_WRITE      0x06d
#define SVM_EXIT_RDTSC	       0x06e
#define SVM_EXIT_RDPMC	       0x06f
#define SVM_EXIT_PUSHF	       0x070
#define SVM_EXIT_POPF	       0x071
#define SVM_EXIT_CPUID	       0x072
#define SVM_EXIT_RSM	       0x073
#define SVM_EXIT_IRET	       0x074
#define SVM_EXIT_SWINT	       0x075
#define SVM_EXIT_INVD	       0x076
#define SVM_EXIT_PAUSE	       0x077
#define SVM_EXIT_HLT	       0x078
#define SVM_EXIT_INVLPG	       0x079
#define SVM_EXIT_INVLPGA       0x07a
#define SVM_EXIT_IOIO	       0x07b
#define SVM_EXIT_MSR	       0x07c
#define SVM_EXIT_TASK_SWITCH   0x07d
#define SVM_EXIT_FERR_FREEZE   0x07e
#define SVM_EXIT_SHUTDOWN      0x07f
#define SVM_EXIT_VMRUN	       0x080
#define SVM_EXIT_VMMCALL       0x081
#define SVM_EXIT_VMLOAD	       0x082
#define SVM_EXIT_VMSAVE	       0x083
#define SVM_EXIT_STGI	       0x084
#define SVM_EXIT_CLGI	       0x085
#define SVM_EXIT_SKINIT	       0x086
#define SVM_EXIT_RDTSCP	       0x087
#define SVM_EXIT_ICEBP	       0x088
#define SVM_EXIT_WBINVD	       0x089
#define SVM_EXIT_MONITOR       0x08a
#define SVM_EXIT_MWAIT	       0x08b
#define SVM_EXIT_MWAIT_COND    0x08c
#define SVM_EXIT_XSETBV	       0x08d
#define SVM_EXIT_RDPRU	       0x08e
#define SVM_EXIT_INVPCID       0x0a2
#define SVM_EXIT_NPF	       0x400
#define SVM_EXIT_ERR	       -1

#ifndef __ASSEMBLER__

#include "libcflat.h"

/* VMEXIT_INVALID as the 64 bits of EXITCODE. */
#define SVM_EXIT_INVALID ((u64)(SVM_EXIT_ERR))

/* ---- intercepts: bit numbers, counted from bit 0 of byte offset 000h ---- */

enum svm_intercept {
	INTERCEPT_CR0_READ = 0,
	INTERCEPT_CR2_READ = 2,
	INTERCEPT_CR3_READ = 3,
	INTERCEPT_CR4_READ = 4,
	INTERCEPT_CR8_READ = 8,
	INTERCEPT_CR0_WRITE = 16,
	INTERCEPT_CR2_WRITE = 18,
	INTERCEPT_CR3_WRITE = 19,
	INTERCEPT_CR4_WRITE = 20,
	INTERCEPT_CR8_WRITE = 24,
	INTERCEPT_DR0_READ = 32,  /* + n for DRn */
	INTERCEPT_DR0_WRITE = 48, /* + n for DRn */
	INTERCEPT_EXCEPTION = 64, /* + vector */
	INTERCEPT_INTR = 96,
	INTERCEPT_NMI,
	INTERCEPT_SMI,
	INTERCEPT_INIT,
	INTERCEPT_VINTR,
	INTERCEPT_CR0_SEL_WRITE,
	INTERCEPT_IDTR_READ,
	INTERCEPT_GDTR_READ,
	INTERCEPT_LDTR_READ,
	INTERCEPT_TR_READ,
	INTERCEPT_IDTR_WRITE,
	INTERCEPT_GDTR_WRITE,
	INTERCEPT_LDTR_WRITE,
	INTERCEPT_TR_WRITE,
	INTERCEPT_RDTSC,
	INTERCEPT_RDPMC,
	INTERCEPT_PUSHF,
	INTERCEPT_POPF,
	INTERCEPT_CPUID,
	INTERCEPT_RSM,
	INTERCEPT_IRET,
	INTERCEPT_SWINT,
	INTERCEPT_INVD,
	INTERCEPT_PAUSE,
	INTERCEPT_HLT,
	INTERCEPT_INVLPG,
	INTERCEPT_INVLPGA,
	INTERCEPT_IOIO_PROT,
	INTERCEPT_MSR_PROT,
	INTERCEPT_TASK_SWITCH,
	INTERCEPT_FERR_FREEZE,
	INTERCEPT_SHUTDOWN,
	INTERCEPT_VMRUN = 128, /* VMEXIT_INVALID if it is clear */
	INTERCEPT_VMMCALL,
	INTERCEPT_VMLOAD,
	INTERCEPT_VMSAVE,
	INTERCEPT_STGI,
	INTERCEPT_CLGI,
	INTERCEPT_SKINIT,
	INTERCEPT_RDTSCP,
	INTERCEPT_ICEBP,
	INTERCEPT_WBINVD,
	INTERCEPT_MONITOR,
	INTERCEPT_MWAIT,
	INTERCEPT_MWAIT_COND,
	INTERCEPT_XSETBV,
	INTERCEPT_RDPRU,
	INTERCEPT_EFER_WRITE_TRAP,
	INTERCEPT_INVPCID = 162,
};

/* ---- fields of the control area ---- */

#define TLB_CONTROL_DO_NOTHING	     0
#define TLB_CONTROL_FLUSH_ALL_ASID   1
#define TLB_CONTROL_FLUSH_ASID	     3
#define TLB_CONTROL_FLUSH_ASID_LOCAL 7 /* except global pages */

/* Byte offset 060h. */
#define V_TPR_MASK	    0xfful
#define V_IRQ_MASK	    BIT(8)
#define V_GIF_MASK	    BIT(9)
#define V_NMI_PENDING_MASK  BIT(11)
#define V_NMI_BLOCKING_MASK BIT(12)
#define V_INTR_PRIO_SHIFT   16
#define V_INTR_PRIO_MASK    (0xful << V_INTR_PRIO_SHIFT)
#define V_IGN_TPR_MASK	    BIT(20)
#define V_INTR_MASKING_MASK BIT(24)
#define V_GIF_ENABLE_MASK   BIT(25)
#define V_NMI_ENABLE_MASK   BIT(26)
#define V_INTR_VECTOR_SHIFT 32

/* Byte offset 068h. */
#define SVM_INTERRUPT_SHADOW_MASK BIT(0)
#define SVM_GUEST_INTERRUPT_MASK  BIT(1) /* the guest's RFLAGS.IF, if V_INTR_MASKING is set */

/* EVENTINJ and EXITINTINFO (15.20, 15.7.2). */
#define SVM_EVTINJ_VEC_MASK   0xfful
#define SVM_EVTINJ_TYPE_INTR  (0ul << 8)
#define SVM_EVTINJ_TYPE_NMI   (2ul << 8)
#define SVM_EVTINJ_TYPE_EXEPT (3ul << 8)
#define SVM_EVTINJ_TYPE_SOFT  (4ul << 8)
#define SVM_EVTINJ_TYPE_MASK  (7ul << 8)
#define SVM_EVTINJ_VALID_ERR  BIT(11)
#define SVM_EVTINJ_VALID      BIT(31)
#define SVM_EVTINJ_ERR_SHIFT  32

/* Byte offsets 090h and 0b8h. */
#define SVM_NESTED_CTL_NP_ENABLE	  BIT(0)
#define LBR_CTL_ENABLE_MASK		  BIT(0)
#define VIRTUAL_VMLOAD_VMSAVE_ENABLE_MASK BIT(1)

/* EXITINFO1 of a nested page fault: these bits, and a page fault's error code (15.25.6). */
#define NPF_FINAL_ADDRESS BIT(32) /* the access to the guest's final physical address */
#define NPF_PAGE_TABLE	  BIT(33) /* an access to the guest's page tables */

/* EXITINFO1 of IOIO (15.10.2). */
#define SVM_IOIO_IN	 BIT(0)
#define SVM_IOIO_STR	 BIT(2)
#define SVM_IOIO_REP	 BIT(3)
#define SVM_IOIO_SZ8	 BIT(4)
#define SVM_IOIO_SZ16	 BIT(5)
#define SVM_IOIO_SZ32	 BIT(6)
#define SVM_IOIO_A16	 BIT(7)
#define SVM_IOIO_A32	 BIT(8)
#define SVM_IOIO_A64	 BIT(9)
#define SVM_IOIO_PORT(x) ((x) >> 16 & 0xffff)

/* VM_CR (15.30.1). */
#define SVM_VM_CR_R_INIT   BIT(1)
#define SVM_VM_CR_SVM_LOCK BIT(3)
#define SVM_VM_CR_SVM_DIS  BIT(4)

/* TSC_RATIO: 8 integer bits, 32 fraction bits (15.30.5). */
#define SVM_TSC_RATIO_DEFAULT (1ul << 32)

/* A segment's attributes: bits 55:52 and 47:40 of the descriptor. */
#define SVM_SELECTOR_P BIT(7)
#define SVM_SELECTOR_L BIT(9)

/* ---- the VMCB (appendix B, tables B-1 and B-2) ---- */

struct vmcb_control_area {
	u32 intercepts[6];
	u32 reserved_18[9];
	u16 pause_filter_threshold;
	u16 pause_filter_count;
	u64 iopm_base_pa;
	u64 msrpm_base_pa;
	u64 tsc_offset;
	u32 guest_asid;
	u8 tlb_control;
	u8 reserved_5d[3];
	u64 v_intr; /* V_TPR to V_INTR_VECTOR */
	u64 interrupt_shadow;
	u64 exitcode;
	u64 exitinfo1;
	u64 exitinfo2;
	u64 exitintinfo;
	u64 np_enable;
	u64 avic_apic_bar;
	u64 ghcb;
	u64 eventinj;
	u64 n_cr3;
	u64 lbr_virtualization_enable;
	u64 vmcb_clean;
	u64 nrip;
	u8 number_of_bytes_fetched;
	u8 guest_instruction_bytes[15];
	u64 avic_backing_page;
	u8 reserved_e8[8];
	u64 avic_logical_table;
	u64 avic_physical_table;
	u8 reserved_100[0x300];
};

struct vmcb_segment {
	u16 selector;
	u16 attributes;
	u32 limit;
	u64 base;
};

struct vmcb_save_area {
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved_a0[0x2b];
	u8 cpl;
	u8 reserved_cc[4];
	u64 efer;
	u8 reserved_d8[0x70];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 reserved_180[0x58];
	u64 rsp, s_cet, ssp, isst_addr, rax;
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 cr2;
	u8 reserved_248[0x20];
	u64 g_pat;
	u64 dbgctl, br_from, br_to, lastexcpfrom, lastexcpto;
	u8 reserved_298[0x968];
};

struct vmcb {
	struct vmcb_control_area control;
	struct vmcb_save_area save;
};

#define VMCB_AT(field, offset)                                                                     \
	_Static_assert(offsetof(struct vmcb, field) == (offset), "APM appendix B: " #field)
VMCB_AT(control.pause_filter_threshold, 0x3c);
VMCB_AT(control.iopm_base_pa, 0x40);
VMCB_AT(control.tsc_offset, 0x50);
VMCB_AT(control.guest_asid, 0x58);
VMCB_AT(control.tlb_control, 0x5c);
VMCB_AT(control.v_intr, 0x60);
VMCB_AT(control.interrupt_shadow, 0x68);
VMCB_AT(control.exitcode, 0x70);
VMCB_AT(control.exitintinfo, 0x88);
VMCB_AT(control.np_enable, 0x90);
VMCB_AT(control.eventinj, 0xa8);
VMCB_AT(control.n_cr3, 0xb0);
VMCB_AT(control.lbr_virtualization_enable, 0xb8);
VMCB_AT(control.vmcb_clean, 0xc0);
VMCB_AT(control.nrip, 0xc8);
VMCB_AT(control.number_of_bytes_fetched, 0xd0);
VMCB_AT(control.avic_backing_page, 0xe0);
VMCB_AT(save, 0x400);
VMCB_AT(save.tr, 0x400 + 0x90);
VMCB_AT(save.cpl, 0x400 + 0xcb);
VMCB_AT(save.efer, 0x400 + 0xd0);
VMCB_AT(save.cr4, 0x400 + 0x148);
VMCB_AT(save.rip, 0x400 + 0x178);
VMCB_AT(save.rsp, 0x400 + 0x1d8);
VMCB_AT(save.rax, VMCB_RAX);
VMCB_AT(save.sysenter_eip, 0x400 + 0x238);
VMCB_AT(save.cr2, 0x400 + 0x240);
VMCB_AT(save.g_pat, 0x400 + 0x268);
VMCB_AT(save.lastexcpto, 0x400 + 0x290);
_Static_assert(sizeof(struct vmcb) == 0x1000, "a VMCB is a page");
#undef VMCB_AT

#endif
#endif
