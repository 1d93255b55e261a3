/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers and single instructions as C functions: control, debug and segment registers, MSRs,
 * flags, the TSC. Bits have the names of the Intel SDM (volume 3, "System Architecture Overview")
 * with Linux's prefix X86_.
 */
#ifndef X86_PROCESSOR_H
#define X86_PROCESSOR_H

#include "libcflat.h"
#include "msr.h"
#include "cpuid.h"
#include "exception.h"

#define X86_CR0_PE BIT(0)
#define X86_CR0_MP BIT(1)
#define X86_CR0_EM BIT(2)
#define X86_CR0_TS BIT(3)
#define X86_CR0_ET BIT(4)
#define X86_CR0_NE BIT(5)
#define X86_CR0_WP BIT(16)
#define X86_CR0_AM BIT(18)
#define X86_CR0_NW BIT(29)
#define X86_CR0_CD BIT(30)
#define X86_CR0_PG BIT(31)

#define X86_CR4_VME	   BIT(0)
#define X86_CR4_PVI	   BIT(1)
#define X86_CR4_TSD	   BIT(2)
#define X86_CR4_DE	   BIT(3)
#define X86_CR4_PSE	   BIT(4)
#define X86_CR4_PAE	   BIT(5)
#define X86_CR4_MCE	   BIT(6)
#define X86_CR4_PGE	   BIT(7)
#define X86_CR4_PCE	   BIT(8)
#define X86_CR4_OSFXSR	   BIT(9)
#define X86_CR4_OSXMMEXCPT BIT(10)
#define X86_CR4_UMIP	   BIT(11)
#define X86_CR4_LA57	   BIT(12)
#define X86_CR4_VMXE	   BIT(13)
#define X86_CR4_SMXE	   BIT(14)
#define X86_CR4_FSGSBASE   BIT(16)
#define X86_CR4_PCIDE	   BIT(17)
#define X86_CR4_OSXSAVE	   BIT(18)
#define X86_CR4_SMEP	   BIT(20)
#define X86_CR4_SMAP	   BIT(21)
#define X86_CR4_PKE	   BIT(22)
#define X86_CR4_CET	   BIT(23)
#define X86_CR4_PKS	   BIT(24)

#define X86_EFLAGS_CF	 BIT(0)
#define X86_EFLAGS_FIXED BIT(1)
#define X86_EFLAGS_PF	 BIT(2)
#define X86_EFLAGS_AF	 BIT(4)
#define X86_EFLAGS_ZF	 BIT(6)
#define X86_EFLAGS_SF	 BIT(7)
#define X86_EFLAGS_TF	 BIT(8)
#define X86_EFLAGS_IF	 BIT(9)
#define X86_EFLAGS_DF	 BIT(10)
#define X86_EFLAGS_OF	 BIT(11)
#define X86_EFLAGS_IOPL	 (BIT(12) | BIT(13))
#define X86_EFLAGS_NT	 BIT(14)
#define X86_EFLAGS_RF	 BIT(16)
#define X86_EFLAGS_VM	 BIT(17)
#define X86_EFLAGS_AC	 BIT(18)
#define X86_EFLAGS_VIF	 BIT(19)
#define X86_EFLAGS_VIP	 BIT(20)
#define X86_EFLAGS_ID	 BIT(21)

/* Components of XCR0 (Intel SDM volume 1, "XSAVE-Supported Features"). */
#define XFEATURE_MASK_FP	BIT(0)
#define XFEATURE_MASK_SSE	BIT(1)
#define XFEATURE_MASK_YMM	BIT(2)
#define XFEATURE_MASK_BNDREGS	BIT(3)
#define XFEATURE_MASK_BNDCSR	BIT(4)
#define XFEATURE_MASK_OPMASK	BIT(5)
#define XFEATURE_MASK_ZMM_Hi256 BIT(6)
#define XFEATURE_MASK_Hi16_ZMM	BIT(7)
#define XFEATURE_MASK_PT	BIT(8)
#define XFEATURE_MASK_PKRU	BIT(9)

#define BUILD_REGISTER_ACCESS(name, instruction_name)                                              \
	static inline u64 read_##name(void)                                                        \
	{                                                                                          \
		u64 value;                                                                         \
                                                                                                   \
		asm volatile("mov %%" instruction_name ", %0" : "=r"(value) : : "memory");         \
		return value;                                                                      \
	}                                                                                          \
	static inline void write_##name(u64 value)                                                 \
	{                                                                                          \
		asm volatile("mov %0, %%" instruction_name : : "r"(value) : "memory");             \
	}

BUILD_REGISTER_ACCESS(cr0, "cr0")
BUILD_REGISTER_ACCESS(cr2, "cr2")
BUILD_REGISTER_ACCESS(cr3, "cr3")
BUILD_REGISTER_ACCESS(cr4, "cr4")
BUILD_REGISTER_ACCESS(cr8, "cr8")
BUILD_REGISTER_ACCESS(dr0, "dr0")
BUILD_REGISTER_ACCESS(dr1, "dr1")
BUILD_REGISTER_ACCESS(dr2, "dr2")
BUILD_REGISTER_ACCESS(dr3, "dr3")
BUILD_REGISTER_ACCESS(dr6, "dr6")
BUILD_REGISTER_ACCESS(dr7, "dr7")

#define BUILD_SEGMENT_READ(name)                                                                   \
	static inline u16 read_##name(void)                                                        \
	{                                                                                          \
		u16 value;                                                                         \
                                                                                                   \
		asm volatile("mov %%" #name ", %0" : "=r"(value));                                 \
		return value;                                                                      \
	}
#define BUILD_SEGMENT_WRITE(name)                                                                  \
	static inline void write_##name(u16 value)                                                 \
	{                                                                                          \
		asm volatile("mov %0, %%" #name : : "r"(value) : "memory");                        \
	}

BUILD_SEGMENT_READ(cs)
BUILD_SEGMENT_READ(ds)
BUILD_SEGMENT_READ(es)
BUILD_SEGMENT_READ(fs)
BUILD_SEGMENT_READ(gs)
BUILD_SEGMENT_READ(ss)
BUILD_SEGMENT_WRITE(ds)
BUILD_SEGMENT_WRITE(es)
BUILD_SEGMENT_WRITE(fs)
BUILD_SEGMENT_WRITE(gs)
BUILD_SEGMENT_WRITE(ss)

/* The operand of LGDT, LIDT, SGDT and SIDT. */
struct descriptor_table_ptr {
	u16 limit;
	u64 base;
} __packed;

static inline void lgdt(const struct descriptor_table_ptr *table)
{
	asm volatile("lgdt %0" : : "m"(*table) : "memory");
}

static inline void lidt(const struct descriptor_table_ptr *table)
{
	asm volatile("lidt %0" : : "m"(*table) : "memory");
}

static inline void sgdt(struct descriptor_table_ptr *table)
{
	asm volatile("sgdt %0" : "=m"(*table));
}

static inline void sidt(struct descriptor_table_ptr *table)
{
	asm volatile("sidt %0" : "=m"(*table));
}

static inline void ltr(u16 selector)
{
	asm volatile("ltr %0" : : "rm"(selector) : "memory");
}

static inline u16 str(void)
{
	u16 selector;

	asm volatile("str %0" : "=r"(selector));
	return selector;
}

static inline void lldt(u16 selector)
{
	asm volatile("lldt %0" : : "rm"(selector) : "memory");
}

static inline u16 sldt(void)
{
	u16 selector;

	asm volatile("sldt %0" : "=r"(selector));
	return selector;
}

static inline u64 rdmsr(u32 index)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index) : "memory");
	return (u64)high << 32 | low;
}

static inline void wrmsr(u32 index, u64 value)
{
	asm volatile("wrmsr" : : "a"((u32)value), "d"((u32)(value >> 32)), "c"(index) : "memory");
}

/* Defines read_NAME() and write_NAME() for an MSR. SCOPE is `static inline` or empty. */
#define MSR_ACCESS(scope, name, index)                                                             \
	scope u64 read_##name(void)                                                                \
	{                                                                                          \
		return rdmsr(index);                                                               \
	}                                                                                          \
	scope void write_##name(u64 value)                                                         \
	{                                                                                          \
		wrmsr(index, value);                                                               \
	}

/*
 * These return 0, or the vector of the exception that the instruction has raised: GP_VECTOR. A read
 * that faults sets *value to 0.
 */
static inline int rdmsr_safe(u32 index, u64 *value)
{
	u32 low = 0, high = 0;
	int vector = asm_safe_out2("rdmsr", "+a"(low), "+d"(high), "c"(index));

	*value = (u64)high << 32 | low;
	return vector == NO_EXCEPTION ? 0 : vector;
}

static inline int wrmsr_safe(u32 index, u64 value)
{
	int vector = asm_safe("wrmsr", "a"((u32)value), "d"((u32)(value >> 32)), "c"(index));

	return vector == NO_EXCEPTION ? 0 : vector;
}

static inline u64 xgetbv(u32 index)
{
	u32 low, high;

	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
	return (u64)high << 32 | low;
}

static inline void xsetbv(u32 index, u64 value)
{
	asm volatile("xsetbv" : : "a"((u32)value), "d"((u32)(value >> 32)), "c"(index) : "memory");
}

static inline u64 read_xcr0(void)
{
	return xgetbv(0);
}

static inline void write_xcr0(u64 value)
{
	xsetbv(0, value);
}

static inline u64 rdtsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (u64)high << 32 | low;
}

/* Reads the TSC after all earlier instructions have completed (Intel SDM volume 2, RDTSC). */
static inline u64 rdtsc_ordered(void)
{
	asm volatile("lfence" : : : "memory");
	return rdtsc();
}

static inline u64 rdtscp(u32 *aux)
{
	u32 low, high;

	asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(*aux) : : "memory");
	return (u64)high << 32 | low;
}

/* Whether two of the TSC's readings are in order. It wraps, so only the difference counts. */
static inline bool tsc_in_order(u64 first, u64 second)
{
	return (s64)(second - first) >= 0;
}

static inline u64 read_rflags(void)
{
	u64 flags;

	asm volatile("pushf; pop %0" : "=r"(flags) : : "memory");
	return flags;
}

static inline void write_rflags(u64 flags)
{
	asm volatile("push %0; popf" : : "r"(flags) : "memory", "cc");
}

static inline u64 read_rsp(void)
{
	u64 value;

	asm volatile("mov %%rsp, %0" : "=r"(value));
	return value;
}

static inline void irq_enable(void)
{
	/* Interrupts are taken only after the instruction that follows STI. */
	asm volatile("sti; nop" : : : "memory");
}

static inline void irq_disable(void)
{
	asm volatile("cli" : : : "memory");
}

static inline bool irqs_enabled(void)
{
	return read_rflags() & X86_EFLAGS_IF;
}

/* Turns interrupts off, and returns the flags for irq_restore(). */
static inline u64 irq_save(void)
{
	u64 flags = read_rflags();

	irq_disable();
	return flags;
}

static inline void irq_restore(u64 flags)
{
	if (flags & X86_EFLAGS_IF)
		irq_enable();
}

/* Turns interrupts on and waits for one. One that comes between STI and HLT is not lost. */
static inline void safe_halt(void)
{
	asm volatile("sti; hlt" : : : "memory");
}

static inline void halt(void)
{
	asm volatile("hlt" : : : "memory");
}

static inline void pause(void)
{
	asm volatile("pause" : : : "memory");
}

static inline void cpu_relax(void)
{
	pause();
}

static inline void invlpg(const void *address)
{
	asm volatile("invlpg %0" : : "m"(*(const char *)address) : "memory");
}

/* Flushes this CPU's TLB, except global pages. */
static inline void flush_tlb(void)
{
	write_cr3(read_cr3());
}

static inline void clflush(const void *address)
{
	asm volatile("clflush %0" : : "m"(*(const char *)address) : "memory");
}

static inline void wbinvd(void)
{
	asm volatile("wbinvd" : : : "memory");
}

#endif
