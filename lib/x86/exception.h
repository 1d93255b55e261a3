/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions (Intel SDM volume 3, "Interrupt and Exception Handling"). An
 * exception goes, in this order, to the fix-up of the instruction that raised
 * it, to catch_exception(), to the handler of its vector; or it ends the guest
 * with a report.
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

/* Not 0 as in kvm-unit-tests, for 0 is #DE. */
#define NO_EXCEPTION (-1)

/* What the entry code has put on the stack. A handler may change all of it. */
struct ex_regs {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error_code;
	u64 rip, cs, rflags, rsp, ss;
};

typedef void (*handler)(struct ex_regs *regs);

/*
 * Sets the handler of a vector below 32 for all CPUs; returns the one before,
 * or NULL. With NULL the exception is unexpected again. It runs with interrupts
 * off, and when it returns the instruction is run again: it has to move rip on
 * for that not to happen.
 */
handler handle_exception(u8 vector, handler function);

/* "#PF", or "#?" */
const char *exception_mnemonic(int vector);

/* Of this CPU's last asm_safe or catch_exception. */
int exception_vector(void); /* or NO_EXCEPTION */
u32 exception_error_code(void);
u64 exception_cr2(void);

/*
 * Runs function(data) on this CPU and comes back even if it raises an exception
 * anywhere inside, also by running out of stack. Returns the vector or
 * NO_EXCEPTION. What it held or had changed stays as it was at that moment.
 */
int catch_exception(void (*function)(void *data), void *data);

/* The report on an exception that nobody expected. Ends the guest. */
void unhandled_exception(struct ex_regs *regs) __noreturn;

/* For the library: called before an instruction that has a fix-up. */
void exception_clear(void);
/* Where this CPU's catch_exception goes back to, or NULL; returns the one before. */
struct jmp_registers;
struct jmp_registers *exchange_catcher(struct jmp_registers *state);

/*
 * One instruction (or several) that may fault: any exception in the first goes
 * on behind the last. Gives the vector or NO_EXCEPTION.
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

/* An entry of the exception table: the instruction, and where to go on. */
#define ASM_FIXUP(instruction)                                                                     \
	"771: " instruction "\n772:\n"                                                             \
	".pushsection .exceptions, \"a\"\n"                                                        \
	".quad 771b, 772b\n"                                                                       \
	".popsection\n"

#endif
