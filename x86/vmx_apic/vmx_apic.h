/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the program vmx_apic share: L2's virtual-APIC page and APIC-access page, and
 * tables of steps that L2 goes through.
 */
#ifndef VMX_APIC_H
#define VMX_APIC_H

#include "nested/vmx/vmx.h"

#define HERE 1 /* the number of L2's call when it has done all its steps */

#define X2APIC(offset) (APIC_BASE_MSR + ((offset) >> 4))

enum op { LOAD_8, LOAD_32, LOAD_64, STORE_8, STORE_32, LOAD_CR8, STORE_CR8, RDMSR, WRMSR };

struct step {
	enum op op;
	u64 where; /* offset into the page, or MSR */
	u64 value; /* what is stored, or what a load that does not exit should read */
	u32 exit;  /* the exit reason, or 0 for no exit */
	u64 qualification;
};

#define PASSES(op, where, value)                                                                   \
	{                                                                                          \
		op, where, value, 0, 0                                                             \
	}
/* Stores that exit after the instruction (30.1.2, 30.4.3.2). */
#define BELOW(op, where, value)                                                                    \
	{                                                                                          \
		op, where, value, EXIT_REASON_TPR_BELOW_THRESHOLD, 0                               \
	}
#define WRITTEN(op, offset, value)                                                                 \
	{                                                                                          \
		op, offset, value, EXIT_REASON_APIC_WRITE, offset                                  \
	}
/* Accesses that exit before the instruction. */
#define EXITS(op, offset, type)                                                                    \
	{                                                                                          \
		op, offset, 0, EXIT_REASON_APIC_ACCESS, (offset) | TYPE_LINEAR_APIC_##type         \
	}

/* The pages of the L2 that was made last. Tests run one at a time. */
extern u8 *virtual_apic; /* the virtual-APIC page, where VTPR and the other registers are */
extern u8 *access_page;	 /* the APIC-access page */
extern u8 *other_page;	 /* a page that may become the APIC-access page */
/* Where L2 sees access_page and other_page. */
extern u8 *window, *other_window;

u32 *apic_register(u32 offset);
u32 vtpr(void);

/* A load of L2 at address WHERE. */
u64 load_32(u64 where, u64 value);

/*
 * An L2 that runs CODE with DATA, with the pages above, with EPT or without, and with the SECONDARY
 * execution controls. free_l2() frees the pages as well.
 */
struct l2 *new_l2(void (*code)(void *data), void *data, bool ept, u32 secondary);
void free_l2(struct l2 *l2);

/* An L2 for check_steps(), with these execution controls. */
struct l2 *new_l2_for_steps(bool ept, u32 primary, u32 secondary);

/*
 * L2 goes through the steps three times: without a migration, with one before step MIDDLE, and
 * after one in L1. Each time VTPR begins as PRIORITY, and the TPR threshold as THRESHOLD.
 */
void check_steps(struct l2 *l2, const struct step *steps, unsigned count, unsigned middle,
		 u64 threshold, u32 priority);

/* With break=vtpr this changes CR8. */
void spoil_cr8(void);

/* L1's own TPR: a class that no interrupt here has. */
#define OWN_CR8 1
void check_own_cr8(void);

#endif
