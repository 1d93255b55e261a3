/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nested guests on AMD's SVM (APM volume 2, chapter 15). L1 is the guest that the
 * hypervisor under test runs, L2 the guest that L1 runs. L2 is a C function beside
 * the L1 code that runs it:
 *
 *	static void in_l2(void *data)
 *	{
 *		migrate();		// moved inside L2
 *		asm volatile("cpuid" ...);
 *	}
 *
 *	struct l2 *l2 = l2_new(in_l2, NULL);
 *	svm_set_intercept(l2, INTERCEPT_CPUID);
 *	l2_expect(l2, SVM_EXIT_CPUID, "the intercept after the move");
 *	svm_skip(l2, 2);
 *	l2_expect_return(l2);
 *	l2_free(l2);
 *
 * A new L2 begins as a copy of the CPU's own state: the same page tables, IDT, GDT,
 * per-CPU data, interrupts on; so that the whole library works in it: report(),
 * migrate(), wait_until(), asm_safe(), handlers of exceptions and interrupts.
 * Nothing but VMRUN, VMMCALL and shutdown is intercepted: interrupts are taken by L2,
 * ports and MSRs are L1's own. A test changes what it is about in l2->vmcb.
 *
 * An L2 belongs to the CPU that made it. Everything here is for that CPU.
 */
#ifndef X86_SVM_H
#define X86_SVM_H

#include "libcflat.h"
#include "nested/l2.h"
#include "nested/svm/svm-defs.h"
#include "vm.h"

struct l2 {
	struct l2_common common; /* first, as l2.c takes it to be */
	struct vmcb *vmcb;
	struct l2_registers registers; /* RAX is in the VMCB */
	u8 *iopm;    /* 12 KiB, nothing intercepted */
	u8 *msrpm;   /* 8 KiB, nothing intercepted */
	pgd_t *npt;  /* nested page tables, or NULL: L2 uses L1's physical addresses as they are */
};

/* CPUs with SVM that is not disabled, and features of theirs (CPUID Fn8000_000A_EDX). */
DECLARE_FEATURE(SVM);
DECLARE_FEATURE(SVM_NPT);
DECLARE_FEATURE(SVM_LBRV);
DECLARE_FEATURE(SVM_LOCK);
DECLARE_FEATURE(SVM_NRIPS);
DECLARE_FEATURE(SVM_TSC_RATE);
DECLARE_FEATURE(SVM_FLUSH_BY_ASID);
DECLARE_FEATURE(SVM_DECODE_ASSISTS);
DECLARE_FEATURE(SVM_PAUSE_FILTER);
DECLARE_FEATURE(SVM_VGIF);
DECLARE_FEATURE(SVM_VNMI);

/* Turns SVM on for this CPU, if it is not: EFER.SVME and VM_HSAVE_PA. l2_new() does it. */
void svm_enable(void);
/* Off again, as after reset. There must be no L2 that is entered afterwards. */
void svm_disable(void);

/*
 * l2_enter() is one VMRUN, with GIF clear around it and set afterwards; gives EXITCODE. What
 * L1 has in x87, SSE and AVX registers goes in too and comes back changed, unless l2_set_xsave()
 * has given L2 its own. Then TLB_CONTROL and EVENTINJ in the VMCB are 0 again. This is the same between the
 * caller's clgi() and stgi(), for what L1 does with GIF clear.
 */
u64 svm_enter_gif_clear(struct l2 *l2);

void svm_set_intercept(struct l2 *l2, unsigned intercept);
void svm_clear_intercept(struct l2 *l2, unsigned intercept);
bool svm_intercepts(const struct l2 *l2, unsigned intercept);

/* Gives L2 nested page tables that map RAM and devices where they are. */
void svm_use_npt(struct l2 *l2);
/* Its entry for the 4 KiB page at a physical address of L2's. */
pteval_t *svm_npt_entry(struct l2 *l2, phys_addr_t address);

/* RIP behind an instruction of LENGTH bytes that was intercepted, and no interrupt shadow. */
void svm_skip(struct l2 *l2, unsigned length);
/* EVENTINJ for the next entry: a type, a vector, an error code or flags as in svm-defs.h. */
void svm_inject(struct l2 *l2, u64 event);
/* A virtual interrupt: V_IRQ with this vector, at the priority of its upper half. */
void svm_virtual_irq(struct l2 *l2, u8 vector);

static inline void clgi(void)
{
	asm volatile("clgi" : : : "memory");
}

static inline void stgi(void)
{
	asm volatile("stgi" : : : "memory");
}

static inline void vmload(phys_addr_t vmcb)
{
	asm volatile("vmload %0" : : "a"(vmcb) : "memory");
}

static inline void vmsave(phys_addr_t vmcb)
{
	asm volatile("vmsave %0" : : "a"(vmcb) : "memory");
}

/* The bits of CPUID Fn8000_000A_EDX. */
u32 svm_features(void);
/* How many ASIDs there are; 0 is L1's own. */
u32 svm_asids(void);

#endif
