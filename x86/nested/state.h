/* SPDX-License-Identifier: GPL-2.0-or-later */
/* L2's registers through a migration: what svm_state and vmx_state share. */
#ifndef L2_STATE_H
#define L2_STATE_H

#include "nested/l2.h"

/*
 * Enters L2 with all its registers but RIP. It is migrated while it changes none of them. Then L2
 * makes its call at hold_ends, which the program defines.
 */
void hold_through_migration(struct l2 *l2);
extern char hold_ends[];

/* For the program: defines hold_ends. CALL is the instruction of l2_call(). */
#define HOLD_ENDS(call)                                                                            \
	asm(".pushsection .text\n"                                                                 \
	    ".globl hold_ends\n"                                                                   \
	    "hold_ends:\n"                                                                         \
	    "	" call "\n"                                                                        \
	    "	jmp	hold_ends\n"                                                                     \
	    ".popsection")

/* The program defines this: what L1 has to do for an L2 whose next instruction writes XCR0. */
void let_l2_write_xcr0(struct l2 *l2);

/* A canonical address that is neither mapped nor run. */
#define NOWHERE(n) (0xffffa50000000000ul + (n)*0x11000)

/* ---- registers with values (state-registers.c) ---- */

/* A register that L2 can read and write, and the value that it is to have in L2. */
struct state_register {
	const char *name;
	u64 (*read)(void);
	void (*write)(u64 value);
	/* Where it is in the VMCB, or its fields in the VMCS, as the program defines. */
	u32 guest, host;
	u64 value;
	bool (*condition)(void); /* whether the CPU has it; NULL: it has */
	/* fill_values() finds these, in L1, since CPUID in L2 may exit. */
	bool there;
	u64 own; /* L1's value before the test */
};

/*
 * The program's list, with values that the architecture allows and that C code can live with. The
 * values of CR0, CR3, CR4, EFER, GDTR.base and IDTR.base depend on the machine; fill_values() sets
 * them.
 */
extern struct state_register registers[];
extern const unsigned register_count;
#define MOST_REGISTERS 32

/* Registers that have no function in processor.h. */
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

/* Copies of L1's tables at other addresses. */
struct tables {
	void *page_table, *gdt, *idt;
};

/* Call it when SVM or VMX is on. */
struct tables fill_values(void);
void free_tables(struct tables *tables);
/* A register that this CPU does not have is taken to hold its value. */
void read_registers(u64 *values);

/* What L2 has read at each of its steps. */
struct reading {
	bool write; /* L2 itself writes the values first */
	u64 values[2][MOST_REGISTERS];
};

/*
 * L2's code. READING is a struct reading. It reads the registers, is migrated, reads them again,
 * makes call 1, and reads them once more into the first place.
 */
void state_in_l2(void *reading);
void check_reading(const u64 *values, const char *when);

#endif
