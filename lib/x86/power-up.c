// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See power-up.h. The values are those of Intel SDM volume 3, "Processor State After Reset" (table
 * "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT"), and of AMD APM volume
 * 2, "Processor Initialization State". Firmware and library start the other CPUs with an INIT,
 * which does not change MSRs.
 */
#include "power-up.h"
#include "percpu.h"
#include "processor.h"
#include "report.h"
#include "smp.h"
#include "xsave.h"

static const struct {
	const char *name;
	u32 index;
	u64 value;
} msrs[] = {
	{ "IA32_PAT", MSR_IA32_CR_PAT, 0x0007040600070406 },
	{ "IA32_SYSENTER_CS", MSR_IA32_SYSENTER_CS, 0 },
	{ "IA32_SYSENTER_ESP", MSR_IA32_SYSENTER_ESP, 0 },
	{ "IA32_SYSENTER_EIP", MSR_IA32_SYSENTER_EIP, 0 },
	{ "STAR", MSR_STAR, 0 },
	{ "LSTAR", MSR_LSTAR, 0 },
	{ "CSTAR", MSR_CSTAR, 0 },
	{ "SYSCALL_FLAG_MASK", MSR_SYSCALL_MASK, 0 },
	{ "KERNEL_GS_BASE", MSR_KERNEL_GS_BASE, 0 },
	{ "TSC_AUX", MSR_TSC_AUX, 0 },
	{ "IA32_DEBUGCTL", MSR_IA32_DEBUGCTLMSR, 0 },
	{ "IA32_XSS", MSR_IA32_XSS, 0 },
	{ "IA32_TSC_DEADLINE", MSR_IA32_TSC_DEADLINE, 0 },
	{ "IA32_TSC_ADJUST", MSR_IA32_TSC_ADJUST, 0 },
};

#define SIZE_OF_X87 (FXSAVE_SIZE + 64)

static const struct {
	const char *name;
	u64 value;
} others[] = {
	{ "DR0", 0 },
	{ "DR1", 0 },
	{ "DR2", 0 },
	{ "DR3", 0 },
	{ "DR6", 0xffff0ff0 },
	{ "DR7", 0x400 },
	{ "CR8", 0 },
	{ "MXCSR", 0x1f80 },
	/* x87 alone: what FXSAVE stores, and a header of 64 bytes. */
	{ "XCR0 (size of its states by CPUID)", SIZE_OF_X87 },
};

struct power_up {
	bool there[ARRAY_SIZE(msrs)];
	u64 msrs[ARRAY_SIZE(msrs)], others[ARRAY_SIZE(others)];
};

static PER_CPU(struct power_up, captured);

void power_up_capture(void)
{
	struct power_up *here = &this_cpu(captured);
	const u64 now[] = {
		read_dr0(),
		read_dr1(),
		read_dr2(),
		read_dr3(),
		read_dr6(),
		read_dr7(),
		read_cr8(),
		read_mxcsr(),
		this_cpu_has(X86_FEATURE_XSAVE) ? xsave_enabled_size() : SIZE_OF_X87,
	};

	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++)
		here->there[i] = !rdmsr_safe(msrs[i].index, &here->msrs[i]);
	memcpy(here->others, now, sizeof(now));
}

static void check(const char *name, u64 held, u64 value)
{
	report_if_failed(held == value,
			 "CPU %d's %s held 0x%lx when it was started; a reset sets it to 0x%lx",
			 smp_id(), name, held, value);
}

void power_up_check(void)
{
	const struct power_up *here = &this_cpu(captured);
	unsigned count = ARRAY_SIZE(others);

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		check(others[i].name, here->others[i], others[i].value);
	for (size_t i = 0; i < ARRAY_SIZE(msrs); i++) {
		if (!here->there[i])
			continue;
		check(msrs[i].name, here->msrs[i], msrs[i].value);
		count++;
	}
	report_pass("CPU %d: %u registers as they were when it was started", smp_id(), count);
}
