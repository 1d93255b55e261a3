// SPDX-License-Identifier: GPL-2.0-or-later
/* The instructions and exceptions that svm_intercept and vmx_exit share. See instructions.h. */
#include "x86/nested/instructions.h"
#include "apic.h"
#include "isr.h"
#include "migrate.h"
#include "processor.h"
#include "vm.h"
#include "xsave.h"

#define BEYOND_GDT 0xfff8
#define UNMAPPED   0x123

/* ======== the instructions ======== */

u64 operand_cr[9], operand_dr[8], operand_xcr0, operand_tss;
u64 operand_value, operand_read, operand_invpcid[2];
u32 operand_ecx, operand_port;
struct descriptor_table_ptr operand_gdtr, operand_idtr, operand_scratch;
u8 operand_buffer[64];

INSTRUCTIONS(STUB)

bool has_monitor(void)
{
	return this_cpu_has(X86_CPU_FEATURE(1, 0, ECX, 3));
}

bool has_rdtscp(void)
{
	return this_cpu_has(X86_FEATURE_RDTSCP);
}

bool has_xsave(void)
{
	return this_cpu_has(X86_FEATURE_XSAVE);
}

bool has_invpcid(void)
{
	return this_cpu_has(X86_CPU_FEATURE(7, 0, EBX, 10));
}

/* ---- exceptions ---- */

/*
 * Each exception has: name; vector, error code, CR2; instructions before; the instruction that
 * raises the exception; instructions after; other members of the row.
 *
 * #DB comes from a single step: RFLAGS.TF, set by POPF, traps after the instruction that follows
 * POPF.
 */
#define EXCEPTIONS(X)                                                                              \
	X(de, DE_VECTOR, 0, 0, "xor %edx, %edx; mov $1, %eax; xor %ecx, %ecx", "div %ecx", "")     \
	X(db, DB_VECTOR, 0, 0, "push $0x302; popf", "nop", "", .traps = true)                      \
	X(ud, UD_VECTOR, 0, 0, "", "ud2", "")                                                      \
	X(nm, NM_VECTOR, 0, 0, "mov %cr0, %rax; or $8, %rax; mov %rax, %cr0", "fld1", "clts")      \
	X(np, NP_VECTOR, NP_SEL, 0, "mov $0x18, %eax", "mov %eax, %es", "")                        \
	X(ss, SS_VECTOR, NP_STACK, 0, "mov $0x60, %eax", "mov %eax, %ss", "")                      \
	X(gp, GP_VECTOR, BEYOND_GDT, 0, "mov $0xfff8, %eax", "mov %eax, %es", "")                  \
	X(gp_zero, GP_VECTOR, 0, 0, "mov $1, %eax; shl $62, %rax", "mov (%rax), %ecx", "")         \
	X(pf_read, PF_VECTOR, 0, UNMAPPED, "mov $0x123, %eax", "mov (%rax), %ecx", "")             \
	X(pf_write, PF_VECTOR, PFERR_WRITE_MASK, UNMAPPED, "mov $0x123, %eax", "mov %ecx, (%rax)", \
	  "")                                                                                      \
	X(pf_protection, PF_VECTOR, PFERR_WRITE_MASK | PFERR_PRESENT_MASK, (u64)read_only,         \
	  "lea read_only(%rip), %rax", "movb $1, (%rax)", "")                                      \
	X(mf, MF_VECTOR, 0, 0,                                                                     \
	  "fninit; movl $0x37b, operand_buffer; fldcw operand_buffer; fld1; fldz; fdivrp",         \
	  "fwait", "fninit")                                                                       \
	/* Not every CPU and hypervisor gets these right: see USUAL_EXCEPTIONS. */                 \
	X(bp, BP_VECTOR, 0, 0, "", "int3", "")                                                     \
	X(of, OF_VECTOR, 0, 0, TO_32_BITS "mov $0x7fffffff, %eax; inc %eax", "into", TO_64_BITS)   \
	X(br, BR_VECTOR, 0, 0,                                                                     \
	  TO_32_BITS "movl $0, operand_buffer; movl $1, operand_buffer+4; mov $5, %eax",           \
	  "bound %eax, operand_buffer", TO_64_BITS)                                                \
	X(xm, XM_VECTOR, 0, 0,                                                                     \
	  "movl $0x1d80, operand_buffer; ldmxcsr operand_buffer; xorps %xmm1, %xmm1; "             \
	  "mov $0x3f800000, %eax; movd %eax, %xmm0",                                               \
	  "divss %xmm1, %xmm0", "movl $0x1f80, operand_buffer; ldmxcsr operand_buffer",            \
	  .optional = true)

/*
 * 64-bit mode has neither INTO nor BOUND, so 32-bit code executes them. It reaches all memory,
 * which is below 4 GiB.
 */
#define TO_32_BITS "push $0x20; push $1f; lretq; .code32; 1: "
#define TO_64_BITS "ljmp $0x08, $2f; .code64; 2: "

extern const char read_only[];
asm(".pushsection .rodata; read_only: .byte 0; .popsection");

#define EXCEPTION_STUB(id, number, code, cr2, setup, instruction, cleanup, ...)                    \
	STUB(id, setup, instruction, cleanup)
#define EXCEPTION_ROW(id, number, code, cr2, setup, instruction, cleanup, ...)                     \
	{ INSTRUCTION(id), .control = number, .raises = true, .vector = number,                    \
	  .error = code,   .address = cr2,    ##__VA_ARGS__ },

EXCEPTIONS(EXCEPTION_STUB)

const struct row exceptions[] = { EXCEPTIONS(EXCEPTION_ROW) };
_Static_assert(ARRAY_SIZE(exceptions) == ALL_EXCEPTIONS, "the header counts them");
