// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MSRs with unusual values: performance counters (Intel SDM volume 3, "Performance Monitoring"; AMD
 * APM volume 2, "Performance Monitoring Counters"), SVM's (AMD APM volume 2, "SVM Related MSRs"),
 * and those that no guest is known to rely on. No counter runs: its event is selected but not
 * enabled.
 */
#include "registers.h"
#include "processor.h"
#include "smp.h"

/* USR, OS, edge detection and so on, without EN (bit 22) and INT (bit 20). */
#define EVENT_BASE 0x000300c0
#define EVENT_VARY 0xff04ff00

static u64 make_one_of_each(int cpu, int n, u64 own)
{
	return 1ul << (cpu & 1);
}

static const struct register_row counter_rows[] = {
	{ .name = "IA32_PERF_CAPABILITIES", .index = MSR_IA32_PERF_CAPABILITIES },
	{ "IA32_PERFEVTSEL%d", MSR_P6_EVNTSEL0, 8, 1, .base = EVENT_BASE, .vary = 0xff00 },
	{ "IA32_PMC%d", MSR_P6_PERFCTR0, 8, 1, .base = 0x12345600, .vary = 0x00ffffff },
	{ "IA32_FIXED_CTR%d", MSR_CORE_PERF_FIXED_CTR0, 4, 1, .base = 0x23456700,
	  .vary = 0xffffff },
	{ .name = "IA32_FIXED_CTR_CTRL", .index = MSR_CORE_PERF_FIXED_CTR_CTRL },
	{ .name = "IA32_PERF_GLOBAL_STATUS", .index = MSR_CORE_PERF_GLOBAL_STATUS },
	{ "IA32_PERF_GLOBAL_CTRL", MSR_CORE_PERF_GLOBAL_CTRL, .make = make_one_of_each },
	{ "IA32_PERF_GLOBAL_OVF_CTRL", MSR_CORE_PERF_GLOBAL_OVF_CTRL,
	  .instead = "it has no contents" },
	{ .name = "IA32_PEBS_ENABLE", .index = 0x3f1 },
	{ "MSR_PEBS_DATA_CFG", 0x3f2, .base = 0xf },
	{ "IA32_DS_AREA", MSR_IA32_DS_AREA, .base = 0xffff888012340000, .vary = 0xfffff000 },
	{ "PERF_LEGACY_CTL%d", 0xc0010000, 4, 1, .base = EVENT_BASE, .vary = EVENT_VARY,
	  .there = is_amd },
	{ "PERF_LEGACY_CTR%d", 0xc0010004, 4, 1, .base = 0x12345600, .vary = 0xffffff,
	  .there = is_amd },
	{ "PERF_CTL%d", 0xc0010200, 6, 2, .base = EVENT_BASE, .vary = EVENT_VARY, .there = is_amd },
	{ "PERF_CTR%d", 0xc0010201, 6, 2, .base = 0x23456700, .vary = 0xffffff, .there = is_amd },
	{ "PerfCntrGlobalCtl", 0xc0000301, .make = make_one_of_each, .there = is_amd },
	{ "PerfCntrGlobalStatus", 0xc0000300, .there = is_amd },
	{ "PerfCntrGlobalStatusClr", 0xc0000302, .instead = "it has no contents" },
	{},
};
const struct register_group counter_registers = { .name = "performance counters",
						  .rows = counter_rows };

/* ---- SVM ---- */

static bool has_svm(void)
{
	return this_cpu_has(X86_FEATURE_SVM);
}

static const struct register_row svm_rows[] = {
	{ "VM_HSAVE_PA", MSR_VM_HSAVE_PA, .base = 0x1000, .vary = 0x3ff000, .there = has_svm },
	{ "TSC_RATIO", MSR_AMD64_TSC_RATIO, .base = 0x180000000, .vary = 0xffffff,
	  .there = has_svm },
	{},
};
const struct register_group svm_registers = { .name = "SVM", .rows = svm_rows };

/* ---- rarely used ---- */

/* R_INIT: an INIT signal becomes an exception. No INIT comes meanwhile. */
#define VM_CR_R_INIT BIT(1)

static u64 make_vm_cr(int cpu, int n, u64 own)
{
	return own | VM_CR_R_INIT;
}

static const struct register_row rare_rows[] = {
	{ "VM_CR", MSR_VM_CR, .make = make_vm_cr, .there = has_svm },
	{ "VM_IGNNE", MSR_VM_IGNNE, .there = has_svm },
	{ "SYSCFG", MSR_AMD64_SYSCFG, .there = is_amd },
	{ "DE_CFG", MSR_AMD64_DE_CFG, .there = is_amd },
	{ "PATCH_LEVEL", 0x8b, .there = is_amd },
	/* CPUID faults in user mode, which is not used meanwhile. */
	{ "MISC_FEATURES_ENABLES", 0x140, .base = 1 },
	/* C1E_ENABLE */
	{ "MSR_POWER_CTL", 0x1fc, .base = 2 },
	/* Single steps on branches, without TF in RFLAGS. */
	{ "IA32_DEBUGCTL", MSR_IA32_DEBUGCTLMSR, .base = DEBUGCTLMSR_BTF },
	{ .name = "LastBranchFromIP", .index = MSR_IA32_LASTBRANCHFROMIP },
	{ .name = "LastBranchToIP", .index = MSR_IA32_LASTBRANCHTOIP },
	{ .name = "LastIntFromIP", .index = MSR_IA32_LASTINTFROMIP },
	{ .name = "LastIntToIP", .index = MSR_IA32_LASTINTTOIP },
	{},
};
const struct register_group rare_registers = { .name = "rarely used", .rows = rare_rows };
