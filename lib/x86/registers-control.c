// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Control and debug registers, EFER, XCR0, segment selectors and table limits, with unusual values
 * (Intel SDM volume 3, "System Architecture Overview", "Debug, Branch Profile, TSC, and ..."; AMD
 * APM volume 2, "System Resources"). None of the values has an effect on 64-bit code in ring 0.
 */
#include "registers.h"
#include "desc.h"
#include "processor.h"
#include "smp.h"
#include "xsave.h"

enum which {
	CR0,
	CR2,
	CR3,
	CR4,
	DR0,
	DR1,
	DR2,
	DR3,
	DR6,
	DR7,
	DS,
	ES,
	FS,
	SS,
	LDTR,
	TR,
	GDT_LIMIT,
	IDT_LIMIT,
	GDT_BASE,
	IDT_BASE,
};

static u64 read_table(u32 which)
{
	struct descriptor_table_ptr table;

	if (which == GDT_LIMIT || which == GDT_BASE)
		sgdt(&table);
	else
		sidt(&table);
	return which == GDT_LIMIT || which == IDT_LIMIT ? table.limit : table.base;
}

static void write_limit(u32 which, u16 limit)
{
	struct descriptor_table_ptr table;

	if (which == GDT_LIMIT) {
		sgdt(&table);
		table.limit = limit;
		lgdt(&table);
	} else {
		sidt(&table);
		table.limit = limit;
		lidt(&table);
	}
}

static bool read_control(u32 which, u64 *value)
{
	switch (which) {
	case CR0:
		*value = read_cr0();
		return true;
	case CR2:
		*value = read_cr2();
		return true;
	case CR3:
		*value = read_cr3();
		return true;
	case CR4:
		*value = read_cr4();
		return true;
	case DR0:
		*value = read_dr0();
		return true;
	case DR1:
		*value = read_dr1();
		return true;
	case DR2:
		*value = read_dr2();
		return true;
	case DR3:
		*value = read_dr3();
		return true;
	case DR6:
		*value = read_dr6();
		return true;
	case DR7:
		*value = read_dr7();
		return true;
	case DS:
		*value = read_ds();
		return true;
	case ES:
		*value = read_es();
		return true;
	case FS:
		*value = read_fs();
		return true;
	case SS:
		*value = read_ss();
		return true;
	case LDTR:
		*value = sldt();
		return true;
	case TR:
		*value = str();
		return true;
	default:
		*value = read_table(which);
		return true;
	}
}

#define TRY_MOV(to, value) (asm_safe("mov %0, %%" to, "r"(value)) == NO_EXCEPTION)

static bool write_control(u32 which, u64 value)
{
	switch (which) {
	case CR0:
		return TRY_MOV("cr0", value);
	case CR2:
		return TRY_MOV("cr2", value);
	case CR3:
		return TRY_MOV("cr3", value);
	case CR4:
		return TRY_MOV("cr4", value);
	case DR0:
		return TRY_MOV("dr0", value);
	case DR1:
		return TRY_MOV("dr1", value);
	case DR2:
		return TRY_MOV("dr2", value);
	case DR3:
		return TRY_MOV("dr3", value);
	case DR6:
		return TRY_MOV("dr6", value);
	case DR7:
		return TRY_MOV("dr7", value);
	case DS:
		return TRY_MOV("ds", (u16)value);
	case ES:
		return TRY_MOV("es", (u16)value);
	case FS:
		return TRY_MOV("fs", (u16)value);
	case SS:
		return TRY_MOV("ss", (u16)value);
	case GDT_LIMIT:
	case IDT_LIMIT:
		write_limit(which, value);
		return true;
	default:
		return false;
	}
}

static const struct register_access control_access = { read_control, write_control };

/* ---- values ---- */

/* A pseudo-random subset of the bits that differs between CPUs. It has at least one bit. */
static u64 some_of(u64 bits, int cpu, u32 salt)
{
	u64 some = bits & register_noise(salt, cpu, 0);

	return some ? some : bits & -bits;
}

static u64 make_cr0(int cpu, int n, u64 own)
{
	return own ^ some_of(X86_CR0_MP | X86_CR0_AM | X86_CR0_TS | X86_CR0_NE, cpu, CR0);
}

/* Bits that have no effect here: no code runs outside of ring 0, and no page belongs to users. */
static u64 make_cr4(int cpu, int n, u64 own)
{
	u64 bits = X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PCE |
		   X86_CR4_OSXMMEXCPT | X86_CR4_MCE;

	if (this_cpu_has(X86_FEATURE_UMIP))
		bits |= X86_CR4_UMIP;
	if (this_cpu_has(X86_FEATURE_FSGSBASE))
		bits |= X86_CR4_FSGSBASE;
	if (this_cpu_has(X86_FEATURE_SMEP))
		bits |= X86_CR4_SMEP;
	if (this_cpu_has(X86_FEATURE_SMAP))
		bits |= X86_CR4_SMAP;
	if (this_cpu_has(X86_FEATURE_PKU))
		bits |= X86_CR4_PKE;
	bits = own ^ some_of(bits, cpu, CR4);
	return this_cpu_has(X86_FEATURE_PCID) ? bits | X86_CR4_PCIDE : bits;
}

/* With CR4.PCIDE a PCID, else PCD or PWT. */
static u64 make_cr3(int cpu, int n, u64 own)
{
	if (read_cr4() & X86_CR4_PCIDE)
		return own | (0x123 + cpu);
	return own | (cpu & 1 ? 0x10 : 0x08);
}

#define DR7_G3 0x80
#define DR7_L2 0x10

/*
 * Enables four-byte data breakpoints at addresses that nothing uses.
 *
 * On QEMU's TCG, VMRUN loads DR7 without setting up the breakpoints, and changing their type may
 * end the whole lab with a segmentation fault (docs/findings.md, "Emulated CPUs"). So there this
 * enables one instruction breakpoint, which no other program uses.
 */
static u64 make_dr7(int cpu, int n, u64 own)
{
	if (is_tcg())
		return own | (cpu & 1 ? DR7_G3 : DR7_L2);
	return cpu & 1 ? 0xddff07a5 : 0xfddd075a;
}

/* Bits that a CPU may set in DR6, and those that are always 1. */
static u64 make_dr6(int cpu, int n, u64 own)
{
	return 0xffff0ff0 | some_of(0xe00f, cpu, DR6);
}

/* Null selectors, with an RPL that the CPU keeps. */
static u64 make_null(int cpu, int n, u64 own)
{
	return 1 + (cpu + n) % 3;
}

/* In ring 0, 64-bit code may have a null SS, but only with RPL 0. */
static u64 make_null_ss(int cpu, int n, u64 own)
{
	return own ? 0 : KERNEL_DS;
}

/* A larger limit is harmless, since nothing uses entries beyond the tables' ends. */
static u64 make_limit(int cpu, int n, u64 own)
{
	return own + 16 * (cpu + 1);
}

#define NOWHERE_BASE 0xffffa50012340000
#define NOWHERE_VARY 0xfffff8

#define CONTROL(name, which) name, which, .access = &control_access
static const struct register_row control_rows[] = {
	{ CONTROL("CR0", CR0), .make = make_cr0 },
	{ CONTROL("CR2", CR2), .base = NOWHERE_BASE, .vary = NOWHERE_VARY },
	{ CONTROL("CR4", CR4), .make = make_cr4 },
	{ CONTROL("CR3", CR3), .make = make_cr3 },
	{ CONTROL("DR%d", DR0), .count = 4, .step = 1, .base = NOWHERE_BASE, .vary = NOWHERE_VARY },
	{ CONTROL("DR6", DR6), .make = make_dr6 },
	{ CONTROL("DR7", DR7), .make = make_dr7 },
	{ CONTROL("DS", DS), .make = make_null },
	{ CONTROL("ES", ES), .make = make_null },
	{ CONTROL("FS", FS), .make = make_null },
	{ CONTROL("SS", SS), .make = make_null_ss },
	{ CONTROL("LDTR", LDTR) },
	{ CONTROL("TR", TR) },
	{ CONTROL("GDTR.base", GDT_BASE) },
	{ CONTROL("GDTR.limit", GDT_LIMIT), .make = make_limit },
	{ CONTROL("IDTR.base", IDT_BASE) },
	{ CONTROL("IDTR.limit", IDT_LIMIT), .make = make_limit },
	{},
};
const struct register_group control_registers = { .name = "control registers",
						  .rows = control_rows };

/* ---- EFER and XCR0, which a page table or XSAVE image may depend on ---- */

static u64 make_efer(int cpu, int n, u64 own)
{
	bool ffxsr = cpuid(0x80000001).d & BIT(25);

	return own ^ (ffxsr && cpu & 1 ? EFER_FFXSR : EFER_SCE);
}

/* XCR0 shows by the size of the states that it enables: see xsave.h. */
static bool read_enabled_size(u32 index, u64 *value)
{
	*value = xsave_enabled_size();
	return true;
}

static bool write_enabled_size(u32 index, u64 size)
{
	u64 all = cpuid(CPUID_XSAVE).a, some = XFEATURE_MASK_FP | XFEATURE_MASK_SSE;

	if (size)
		some |= all & (XFEATURE_MASK_YMM | XFEATURE_MASK_PKRU);
	return asm_safe("xsetbv", "a"((u32)some), "d"(0), "c"(0)) == NO_EXCEPTION;
}

static const struct register_access xcr_access = { read_enabled_size, write_enabled_size };

static bool has_xsave(void)
{
	return this_cpu_has(X86_FEATURE_XSAVE);
}

/* A reset leaves x87 alone in XCR0. CPUID reports the same size for that as for x87 and SSE. */
static u64 make_xcr0(int cpu, int n, u64 own)
{
	return !(cpu & 1);
}

static void switch_xsave_on(void)
{
	if (has_xsave())
		write_cr4(read_cr4() | X86_CR4_OSXSAVE);
}

static void switch_xsave_off(void)
{
	if (has_xsave())
		write_cr4(read_cr4() & ~X86_CR4_OSXSAVE);
}

static const struct register_row extended_rows[] = {
	{ "EFER", MSR_EFER, .make = make_efer },
	{ "XCR0 (size of its states by CPUID)", 0, .access = &xcr_access, .make = make_xcr0,
	  .there = has_xsave },
	{},
};
const struct register_group extended_registers = { "EFER and XCR0", extended_rows, switch_xsave_on,
						   switch_xsave_off };
