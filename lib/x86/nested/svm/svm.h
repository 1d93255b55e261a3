/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nested guests on AMD's SVM (APM volume 2, chapter 15). The hypervisor under test runs L1, and L1
 * runs L2. L2 is a C function that stands beside the L1 code that runs it:
 *
 *	static void in_l2(void *data)
 *	{
 *		migrate();		// the migration happens in L2
 *		asm volatile("cpuid" ...);
 *	}
 *
 *	struct l2 *l2 = l2_new(in_l2, NULL);
 *	svm_set_intercept(l2, INTERCEPT_CPUID);
 *	l2_expect(l2, SVM_EXIT_CPUID, "the intercept after the migration");
 *	svm_skip(l2, 2);
 *	l2_expect_return(l2);
 *	l2_free(l2);
 *
 * A new L2 begins as a copy of L1 on this CPU: it has the same page tables, IDT, GDT and per-CPU
 * data, and interrupts are on. So the whole library works in L2: report(), migrate(), wait_until(),
 * asm_safe(), handlers of exceptions and interrupts. Only VMRUN, VMMCALL and shutdown are
 * intercepted: L2 takes interrupts itself, and uses L1's ports and MSRs. A test that needs
 * something else changes l2->vmcb.
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
	struct l2_common common; /* must be first: l2.c relies on it */
	struct vmcb *vmcb;
	struct l2_registers registers; /* RAX is in the VMCB */
	u8 *iopm;		       /* 12 KiB; at first it intercepts nothing */
	u8 *msrpm;		       /* 8 KiB; at first it intercepts nothing */
	pgd_t *npt; /* nested page tables, or NULL: L2 uses L1's physical addresses as they are */
};

/* SVM, not disabled by VM_CR, and its features by their bits in CPUID Fn8000_000A_EDX. */
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

/* Turns SVM on for this CPU (EFER.SVME and VM_HSAVE_PA), if it is off. l2_new() does it. */
void svm_enable(void);
/* Turns SVM off, as it is after reset. No L2 may be entered afterwards. */
void svm_disable(void);

/*
 * l2_enter() clears GIF, runs VMRUN once, sets GIF and returns EXITCODE. TLB_CONTROL and EVENTINJ
 * in the VMCB are 0 afterwards. L2 shares L1's x87, SSE and AVX registers unless l2_set_xsave() has
 * given it its own. svm_enter_gif_clear() leaves GIF to the caller, who calls clgi() before and
 * stgi() after it.
 */
u64 svm_enter_gif_clear(struct l2 *l2);

/* Sets, clears or reads an intercept: INTERCEPT_... */
void svm_set_intercept(struct l2 *l2, unsigned intercept);
void svm_clear_intercept(struct l2 *l2, unsigned intercept);
bool svm_intercepts(const struct l2 *l2, unsigned intercept);

/* Turns nested paging on, with tables that map all RAM and the first 4 GiB one to one. */
void svm_use_npt(struct l2 *l2);
/* The nested tables' entry for the 4 KiB page at L2's physical address. */
pteval_t *svm_npt_entry(struct l2 *l2, phys_addr_t address);

/* Skips an intercepted instruction of `length` bytes, and clears the interrupt shadow. */
void svm_skip(struct l2 *l2, unsigned length);
/* Sets EVENTINJ for the next entry, with its valid bit. `event` is type, vector, error code. */
void svm_inject(struct l2 *l2, u64 event);
/* Makes a virtual interrupt pending: V_IRQ, V_INTR_VECTOR, and the vector's class as priority. */
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

/* CPUID Fn8000_000A_EDX. */
u32 svm_features(void);
/* The number of ASIDs; ASID 0 is L1's own. */
u32 svm_asids(void);

#endif
