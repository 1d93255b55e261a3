/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions (Intel SDM volume 3, "Interrupt and Exception Handling"). An exception goes to the
 * first of these that exists: the fix-up of the instruction that has raised it (asm_safe()),
 * catch_exception(), the handler of its vector. If there is none, the exception ends the guest with
 * a report.
 */
#ifndef X86_EXCEPTION_H
#define X86_EXCEPTION_H

#include "libcflat.h"

#define DE_VECTOR  0
#define DB_VECTOR  1
#define NMI_VECTOR 2
#define BP_VECTOR  3
#define OF_VECTOR  4
#define BR_VECTOR  5
#define UD_VECTOR  6
#define NM_VECTOR  7
#define DF_VECTOR  8
#define TS_VECTOR  10
#define NP_VECTOR  11
#define SS_VECTOR  12
#define GP_VECTOR  13
#define PF_VECTOR  14
#define MF_VECTOR  16
#define AC_VECTOR  17
#define MC_VECTOR  18
#define XM_VECTOR  19
#define VE_VECTOR  20
#define CP_VECTOR  21
#define HV_VECTOR  28
#define VC_VECTOR  29
#define SX_VECTOR  30

#define PFERR_PRESENT_MASK BIT(0)
#define PFERR_WRITE_MASK   BIT(1)
#define PFERR_USER_MASK	   BIT(2)
#define PFERR_RSVD_MASK	   BIT(3)
#define PFERR_FETCH_MASK   BIT(4)

/* kvm-unit-tests has 0 here, which is #DE. */
#define NO_EXCEPTION (-1)

/* What entry.S has put on the stack. A handler may change all of it. */
struct ex_regs {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error_code;
	u64 rip, cs, rflags, rsp, ss;
};

typedef void (*handler)(struct ex_regs *regs);

/*
 * Sets the handler of a vector below 32, for all CPUs, and returns the old one or NULL. With NULL
 * the exception is unexpected again. A handler runs with interrupts off. When it returns, the CPU
 * runs the instruction again, unless the handler has changed rip.
 */
handler handle_exception(u8 vector, handler function);

/* "#PF", or "#?" if the vector has no name. */
const char *exception_mnemonic(int vector);

/* The exception of this CPU's last asm_safe() or catch_exception(). */
int exception_vector(void); /* or NO_EXCEPTION */
u32 exception_error_code(void);
u64 exception_cr2(void);

/*
 * Runs function(data) on this CPU, and returns even if it raises an exception anywhere inside, also
 * by running out of stack. Returns the vector or NO_EXCEPTION. Locks that the function holds when
 * it raises an exception stay held, and what it has changed stays changed.
 */
int catch_exception(void (*function)(void *data), void *data);

/* Prints the report on an unexpected exception, and ends the guest. */
void unhandled_exception(struct ex_regs *regs) __noreturn;

/* For the library, before an instruction with a fix-up: forgets the last exception. */
void exception_clear(void);
/* Sets where this CPU's catch_exception() returns to, or NULL. Returns the old value. */
struct jmp_registers;
struct jmp_registers *exchange_catcher(struct jmp_registers *state);

/*
 * Runs an instruction that may fault. If it is several instructions, only the first may fault.
 * After an exception, execution continues after the last one. Gives the vector or NO_EXCEPTION.
 *
 *	asm_safe("wrmsr", "a"(low), "d"(high), "c"(index))
 *	asm_safe_out1("mov %1, %0", "=r"(value), "m"(*pointer))
 */
#define asm_safe(instruction, inputs...)                                                           \
	({                                                                                         \
		exception_clear();                                                                 \
		asm volatile(ASM_FIXUP(instruction) : : inputs : "memory");                        \
		exception_vector();                                                                \
	})

#define asm_safe_out1(instruction, output, inputs...)                                              \
	({                                                                                         \
		exception_clear();                                                                 \
		asm volatile(ASM_FIXUP(instruction) : output:inputs : "memory");                   \
		exception_vector();                                                                \
	})

#define asm_safe_out2(instruction, output1, output2, inputs...)                                    \
	({                                                                                         \
		exception_clear();                                                                 \
		asm volatile(ASM_FIXUP(instruction) : output1, output2:inputs : "memory");         \
		exception_vector();                                                                \
	})

/* Adds an entry to the exception table: the instruction, and where to continue. */
#define ASM_FIXUP(instruction)                                                                     \
	"771: " instruction "\n772:\n"                                                             \
	".pushsection .exceptions, \"a\"\n"                                                        \
	".quad 771b, 772b\n"                                                                       \
	".popsection\n"

#endif
