// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MSRs that every program could use, with unusual values: Intel SDM volume 4 and volume 3 ("Memory
 * Cache Control", "Machine-Check Architecture"), AMD APM volume 2, appendix A. Memory is used as
 * before: the PAT keeps the types of the library's pages. The MTRRs' ranges have no memory, or
 * nested paging gives them no effect.
 */
#include "registers.h"
#include "processor.h"
#include "smp.h"
#include "xsave.h"

#define ADDRESS_BITS 0x7fffffffff00ul

/* ---- system calls, bases, TSC_AUX ---- */

/* On AMD these have 32 bits. An emulated AMD CPU may have 64, of which KVM drops the upper half. */
#define MAKE_SYSENTER(name, index)                                                                 \
	static u64 make_##name(int cpu, int n, u64 own)                                            \
	{                                                                                          \
		u64 noise = register_noise(index, cpu, n) & 0x7fffff0;                             \
                                                                                                   \
		return is_amd() ? 0x81000000 | noise : 0xffff888081000000 | noise;                 \
	}

MAKE_SYSENTER(sysenter_esp, MSR_IA32_SYSENTER_ESP)
MAKE_SYSENTER(sysenter_eip, MSR_IA32_SYSENTER_EIP)

static const struct register_row system_call_rows[] = {
	{ "STAR", MSR_STAR, .base = 0x0023001000000000, .vary = 0x0f40f0ffff000000 },
	{ "LSTAR", MSR_LSTAR, .base = 0xffffffff81234560, .vary = 0x7fff000 },
	{ "CSTAR", MSR_CSTAR, .base = 0xffffffff81234570, .vary = 0x7fff000 },
	{ "SYSCALL_FLAG_MASK", MSR_SYSCALL_MASK, .base = 0x47700, .vary = 0x8d5 },
	{ "IA32_SYSENTER_CS", MSR_IA32_SYSENTER_CS, .base = 0x10, .vary = 0xfe0 },
	{ "IA32_SYSENTER_ESP", MSR_IA32_SYSENTER_ESP, .make = make_sysenter_esp },
	{ "IA32_SYSENTER_EIP", MSR_IA32_SYSENTER_EIP, .make = make_sysenter_eip },
	{ "KERNEL_GS_BASE", MSR_KERNEL_GS_BASE, .base = 0xffff888012345678,
	  .vary = ADDRESS_BITS >> 1 },
	{ "TSC_AUX", MSR_TSC_AUX, .base = 0xa5000000, .vary = 0xffffff },
	{},
};
const struct register_group system_call_registers = { .name = "system calls",
						      .rows = system_call_rows };

static const struct register_row segment_base_rows[] = {
	{ "FS.base", MSR_FS_BASE, .base = 0xffff888012345670, .vary = ADDRESS_BITS >> 1 },
	/* The library's own, which differs between CPUs. */
	{ .name = "GS.base", .index = MSR_GS_BASE },
	{},
};
const struct register_group segment_base_registers = { .name = "segment bases",
						       .rows = segment_base_rows };

/* ---- memory types ---- */

static const u8 mtrr_types[] = { 0, 1, 4, 5, 6 }, pat_types[] = { 0, 1, 4, 5, 6, 7 };

static u64 random_types(u64 noise, const u8 *types, unsigned count)
{
	u64 value = 0;

	for (int shift = 0; shift < 64; shift += 8)
		value |= (u64)types[(noise >> shift & 0xff) % count] << shift;
	return value;
}

/* Changes only the upper four entries, which no page of the library uses. */
static u64 make_pat(int cpu, int n, u64 own)
{
	u64 types = random_types(register_noise(MSR_IA32_CR_PAT, cpu, n), pat_types,
				 ARRAY_SIZE(pat_types));

	return (own & 0xffffffff) | types << 32;
}

#define MAKE_FIXED_MTRR(name, index)                                                               \
	static u64 name(int cpu, int n, u64 own)                                                   \
	{                                                                                          \
		return random_types(register_noise(index, cpu, n), mtrr_types,                     \
				    ARRAY_SIZE(mtrr_types));                                       \
	}

MAKE_FIXED_MTRR(make_mtrr_64k, MSR_MTRRfix64K_00000)
MAKE_FIXED_MTRR(make_mtrr_16k, MSR_MTRRfix16K_80000)
MAKE_FIXED_MTRR(make_mtrr_4k, MSR_MTRRfix4K_C0000)

#define MTRR_VALID BIT(11)
#define PAGE_BITS  0xfffffful

static u64 address_mask(void)
{
	u8 bits = cpuid(0x80000008).a & 0xff;

	return (1ul << (bits ? bits : 36)) - 1;
}

/* Ranges of 16 MiB between 32 GiB and 64 GiB, where no program here has memory. */
static u64 make_mtrr_base(int cpu, int n, u64 own)
{
	u64 noise = register_noise(MSR_MTRRphysBase0, cpu, n);

	return 0x800000000 | (noise & 0x7ff000000) | mtrr_types[noise % ARRAY_SIZE(mtrr_types)];
}

static u64 make_mtrr_mask(int cpu, int n, u64 own)
{
	return (address_mask() & ~PAGE_BITS) | MTRR_VALID;
}

/* MTRRs enabled, with or without fixed ranges. Memory in no range is write-back. */
static u64 make_mtrr_default(int cpu, int n, u64 own)
{
	return 0x806 | (cpu & 1 ? 0x400 : 0);
}

static const struct register_row memory_type_rows[] = {
	{ "IA32_PAT", MSR_IA32_CR_PAT, .make = make_pat },
	{ .name = "IA32_MTRRCAP", .index = MSR_MTRRcap },
	{ "IA32_MTRR_FIX64K_00000", MSR_MTRRfix64K_00000, .make = make_mtrr_64k },
	{ "IA32_MTRR_FIX16K_%d", MSR_MTRRfix16K_80000, 2, 1, .make = make_mtrr_16k },
	{ "IA32_MTRR_FIX4K_%d", MSR_MTRRfix4K_C0000, 8, 1, .make = make_mtrr_4k },
	{ "IA32_MTRR_PHYSBASE%d", MSR_MTRRphysBase0, 10, 2, .make = make_mtrr_base },
	{ "IA32_MTRR_PHYSMASK%d", MSR_MTRRphysMask0, 10, 2, .make = make_mtrr_mask },
	{ "IA32_MTRR_DEF_TYPE", MSR_MTRRdefType, .make = make_mtrr_default },
	{},
};
const struct register_group memory_type_registers = { .name = "memory types",
						      .rows = memory_type_rows };

/* ---- machine check ---- */

/* These have either all bits set or none. Another pattern on each CPU. */
static u64 make_all_or_none(int cpu, int n, u64 own)
{
	return (cpu + n) & 1 ? ~0ul : 0;
}

static u64 make_hwcr(int cpu, int n, u64 own)
{
	return own | MSR_K7_HWCR_MC_STATUS_WR_EN;
}

#define MCG_RIPV BIT(0)
#define MCG_EIPV BIT(1)

static u64 make_mcg_status(int cpu, int n, u64 own)
{
	return cpu & 1 ? MCG_EIPV : MCG_RIPV;
}

static const struct register_row machine_check_rows[] = {
	{ .name = "IA32_MCG_CAP", .index = MSR_IA32_MCG_CAP },
	{ "IA32_MCG_STATUS", MSR_IA32_MCG_STATUS, .make = make_mcg_status },
	{ "IA32_MCG_CTL", MSR_IA32_MCG_CTL, .make = make_all_or_none },
	{ "IA32_MCG_EXT_CTL", MSR_IA32_MCG_EXT_CTL, .base = 1 },
	{ "IA32_MC%d_CTL2", MSR_IA32_MC0_CTL2, 32, 1, .base = 0x40000001, .vary = 0x7ffe },
	{ "IA32_MC%d_CTL", MSR_IA32_MC0_CTL, 32, 4, .make = make_all_or_none },
	{ "IA32_MC%d_ADDR", MSR_IA32_MC0_CTL + 2, 32, 4, .base = 0x12340000, .vary = 0xffffff000 },
	{ "IA32_MC%d_MISC", MSR_IA32_MC0_CTL + 3, 32, 4, .base = 0x80, .vary = 0xff00 },
	{},
};
const struct register_group machine_check_registers = { .name = "machine check",
							.rows = machine_check_rows };

/*
 * AMD allows writes to a bank's status if HWCR says so. Intel allows only 0. The status is valid,
 * and has an address, further information and an error code.
 */
static const struct register_row bank_status_rows[] = {
	{ "HWCR", MSR_K7_HWCR, .make = make_hwcr, .there = is_amd },
	{ "IA32_MC%d_STATUS", MSR_IA32_MC0_STATUS, 32, 4, .base = 0x8c00000000000000,
	  .vary = 0xffff },
	{},
};
const struct register_group bank_status_registers = { .name = "machine check status",
						      .rows = bank_status_rows };

/* ---- controls of features ---- */

/* IBRS, STIBP and SSBD, as far as CPUID announces them (Intel leaf 7, AMD leaf 0x80000008). */
static u64 make_spec_ctrl(int cpu, int n, u64 own)
{
	u32 intel = cpuid_indexed(7, 0).d, amd = cpuid(0x80000008).b;
	u64 ibrs = intel & BIT(26) || amd & BIT(14), stibp = intel & BIT(27) || amd & BIT(15);
	u64 ssbd = intel & BIT(31) || amd & BIT(24), all = ibrs | stibp << 1 | ssbd << 2;

	/* If there are several bits, leave one out. Which one depends on the CPU. */
	return all & ~(1ul << cpu % 3) ? all & ~(1ul << cpu % 3) : all;
}

#define FAST_STRINGS	  BIT(0)
#define AUTOMATIC_THERMAL BIT(3)

static u64 make_misc_enable(int cpu, int n, u64 own)
{
	return own ^ (cpu & 1 ? AUTOMATIC_THERMAL : FAST_STRINGS);
}

static u64 make_feat_ctl(int cpu, int n, u64 own)
{
	return FEAT_CTL_LOCKED | (cpu & 1 ? 0 : FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX);
}

/*
 * The bits of IA32_XSS that CPUID announces, without processor trace. Odd CPUs have none below 12.
 */
static u64 make_xss(int cpu, int n, u64 own)
{
	struct cpuid leaf = cpuid_indexed(CPUID_XSAVE, 1);

	return leaf.c & ~(u64)XFEATURE_MASK_PT & (cpu & 1 ? ~0ul << 12 : ~0ul);
}

static u64 make_tsc_adjust(int cpu, int n, u64 own)
{
	return own + ((cpu + 1ul) << 33);
}

static bool has_vmx(void)
{
	return this_cpu_has(X86_FEATURE_VMX);
}

static const struct register_row feature_rows[] = {
	{ .name = "IA32_PLATFORM_ID", .index = MSR_IA32_PLATFORM_ID },
	{ .name = "IA32_UCODE_REV", .index = MSR_IA32_UCODE_REV },
	{ .name = "IA32_ARCH_CAPABILITIES", .index = MSR_IA32_ARCH_CAPABILITIES },
	{ .name = "IA32_CORE_CAPABILITIES", .index = 0xcf },
	{ .name = "MSR_PLATFORM_INFO", .index = 0xce },
	{ .name = "IA32_PERF_STATUS", .index = MSR_IA32_PERF_STATUS },
	{ "IA32_SPEC_CTRL", MSR_IA32_SPEC_CTRL, .make = make_spec_ctrl },
	{ "VIRT_SPEC_CTRL", 0xc001011f, .base = 4, .there = is_amd },
	{ "IA32_MISC_ENABLE", MSR_IA32_MISC_ENABLE, .make = make_misc_enable },
	{ "IA32_FEATURE_CONTROL", MSR_IA32_FEAT_CTL, .make = make_feat_ctl, .there = has_vmx },
	/* RTM_DISABLE. The next bit would change CPUID. */
	{ "IA32_TSX_CTRL", 0x122, .base = 1 },
	{ "IA32_UMWAIT_CONTROL", 0xe1, .base = 0x10000, .vary = 0xfffc },
	{ "IA32_BNDCFGS", MSR_IA32_BNDCFGS, .base = 0x7f0000000002, .vary = 0xfffffff000 },
	{ "IA32_XSS", MSR_IA32_XSS, .make = make_xss },
	{ "IA32_XFD", 0x1c4, .base = 1 << 18 },
	{ "IA32_XFD_ERR", 0x1c5, .base = 1 << 18 },
	{ "IA32_PKRS", 0x6e1, .base = 0x50000000, .vary = 0xfffffff0 },
	/* No code here has CR4.CET set. */
	{ "IA32_U_CET", 0x6a0, .base = 1, .vary = 0x12 },
	{ "IA32_S_CET", 0x6a2, .base = 1, .vary = 0x12 },
	{ "IA32_PL%d_SSP", 0x6a4, 4, 1, .base = 0x7f0000001000, .vary = 0xfffffff000 },
	{ "IA32_INTERRUPT_SSP_TABLE_ADDR", 0x6a8, .base = 0x7f0000001000, .vary = 0xfffffff000 },
	{ "IA32_TSC_ADJUST", MSR_IA32_TSC_ADJUST, .make = make_tsc_adjust },
	{ "IA32_VMX_%d", MSR_IA32_VMX_BASIC, .count = 18, .step = 1 },
	{},
};
const struct register_group feature_registers = { .name = "features", .rows = feature_rows };

/* ---- clocks and counters that change by themselves ---- */

static const struct register_row time_rows[] = {
	{ "IA32_TIME_STAMP_COUNTER", MSR_IA32_TSC,
	  .instead = "kvmclock, *_time, selftest young_tsc" },
	{ "IA32_MPERF", 0xe7, .instead = "it counts" },
	{ "IA32_APERF", 0xe8, .instead = "it counts" },
	{ "IA32_TSC_DEADLINE", MSR_IA32_TSC_DEADLINE, .instead = "test apic" },
	{ "IA32_APIC_BASE", MSR_IA32_APICBASE, .instead = "tests apic, x2apic" },
	{ "EFER", MSR_EFER, .instead = "test control" },
	{ "x2APIC %d", APIC_BASE_MSR, 64, 1, .instead = "test x2apic" },
	{ "IA32_PRED_CMD", MSR_IA32_PRED_CMD, .instead = "it has no contents" },
	{ "IA32_FLUSH_CMD", 0x10b, .instead = "it has no contents" },
	{ "MSR_SMI_COUNT", 0x34, .instead = "program smm" },
	{},
};
const struct register_group time_registers = { .name = "clocks", .rows = time_rows };
