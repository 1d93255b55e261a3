/* SPDX-License-Identifier: GPL-2.0-or-later */
/* L2's registers through a migration: what svm_state.c and vmx_state.c share. */
#ifndef L2_STATE_H
#define L2_STATE_H

#include "nested/l2.h"

/*
 * Enters L2 with all the registers that it has but RIP, and has it moved while it does nothing but
 * hold them. Then it calls, from hold_ends, which the program brings.
 */
void hold_through_move(struct l2 *l2);
extern char hold_ends[];

/* For the program: hold_ends, with the instruction that l2_call() is. */
#define HOLD_ENDS(call)                                                                            \
	asm(".pushsection .text\n"                                                                 \
	    ".globl hold_ends\n"                                                                   \
	    "hold_ends:\n"                                                                         \
	    "	" call "\n"                                                                        \
	    "	jmp	hold_ends\n"                                                                     \
	    ".popsection")

/* The program's: whatever L1 has to do for an L2 whose next instruction writes XCR0. */
void let_l2_write_xcr0(struct l2 *l2);

/* Any address that is neither mapped nor run, canonical. */
#define NOWHERE(n) (0xffffa50000000000ul + (n)*0x11000)

/* ---- registers with values (l2-state-registers.c) ---- */

/* A register that L2 can read (and write), and what it is to be in L2. */
struct state_register {
	const char *name;
	u64 (*read)(void);
	void (*write)(u64 value);
	/* Its place: of L2's in the VMCB, or the fields of the VMCS, as the program knows them. */
	u32 guest, host;
	u64 value;
	bool (*condition)(void); /* for there to be one, or NULL */
	/* Found by fill_values(), in L1: CPUID may exit. */
	bool there;
	u64 own; /* L1's, before the test */
};

/*
 * The program's: values that the architecture allows and that C code can live with. Those of CR0,
 * CR3, CR4, EFER, GDTR.base and IDTR.base depend on the machine; fill_values() gives them.
 */
extern struct state_register registers[];
extern const unsigned register_count;
#define MOST_REGISTERS 32

/* Those that have no function in processor.h. */
#define DECLARE_ACCESS(name)                                                                       \
	u64 read_##name(void);                                                                     \
	void write_##name(u64 value);
DECLARE_ACCESS(efer)
DECLARE_ACCESS(star)
DECLARE_ACCESS(lstar)
DECLARE_ACCESS(cstar)
DECLARE_ACCESS(sfmask)
DECLARE_ACCESS(fs_base)
DECLARE_ACCESS(kernel_gs_base)
DECLARE_ACCESS(sysenter_cs)
DECLARE_ACCESS(sysenter_esp)
DECLARE_ACCESS(sysenter_eip)
DECLARE_ACCESS(gdt_base)
DECLARE_ACCESS(idt_base)

struct state_register *find_register(const char *name);

/* Copies of what L1 has, at other addresses, with which anybody can live. */
struct tables {
	void *page_table, *gdt, *idt;
};

/* With SVM or VMX on. */
struct tables fill_values(void);
void free_tables(struct tables *tables);
/* Those that are not there have their value. */
void read_registers(u64 *values);

/* What L2 has read, at each of its steps. */
struct reading {
	bool write; /* L2 itself writes the values first */
	u64 values[2][MOST_REGISTERS];
};

/*
 * L2's function, its data being a reading: reads, is migrated, reads, calls 1, and reads once more
 * into the first place.
 */
void state_in_l2(void *reading);
void check_reading(const u64 *values, const char *when);

#endif
