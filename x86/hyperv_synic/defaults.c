// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_synic: which registers there are, and what they hold at first (Hyper-V TLFS, "Feature
 * and Interface Discovery" and "Inter-Partition Communication", "SynIC MSRs"). A part of the
 * program hyperv_synic: see hyperv_synic.c. The tests of a program run in the order of its
 * files' names, so these run before others have written the registers.
 */
#include "processor.h"
#include "smp.h"
#include "x86/hyperv_synic/hyperv_synic.h"

struct register_group {
	const char *name;
	u64 available; /* a bit of EAX in the leaf of features */
	u32 first, last;
	bool read_only;
};

static const struct register_group groups[] = {
	{ "GUEST_OS_ID, HYPERCALL", HV_MSR_HYPERCALL_AVAILABLE, HV_X64_MSR_GUEST_OS_ID,
	  HV_X64_MSR_HYPERCALL, false },
	{ "VP_INDEX", HV_MSR_VP_INDEX_AVAILABLE, HV_X64_MSR_VP_INDEX, HV_X64_MSR_VP_INDEX, true },
	{ "RESET", HV_MSR_RESET_AVAILABLE, HV_X64_MSR_RESET, HV_X64_MSR_RESET, false },
	{ "VP_RUNTIME", HV_MSR_VP_RUNTIME_AVAILABLE, HV_X64_MSR_VP_RUNTIME, HV_X64_MSR_VP_RUNTIME,
	  true },
	{ "TIME_REF_COUNT", HV_MSR_TIME_REF_COUNT_AVAILABLE, HV_X64_MSR_TIME_REF_COUNT,
	  HV_X64_MSR_TIME_REF_COUNT, true },
	{ "REFERENCE_TSC", HV_MSR_REFERENCE_TSC_AVAILABLE, HV_X64_MSR_REFERENCE_TSC,
	  HV_X64_MSR_REFERENCE_TSC, false },
	{ "TSC_FREQUENCY, APIC_FREQUENCY", HV_ACCESS_FREQUENCY_MSRS, HV_X64_MSR_TSC_FREQUENCY,
	  HV_X64_MSR_APIC_FREQUENCY, true },
	{ "SCONTROL", HV_MSR_SYNIC_AVAILABLE, HV_X64_MSR_SCONTROL, HV_X64_MSR_SCONTROL, false },
	{ "SVERSION", HV_MSR_SYNIC_AVAILABLE, HV_X64_MSR_SVERSION, HV_X64_MSR_SVERSION, true },
	{ "SIEFP, SIMP, EOM", HV_MSR_SYNIC_AVAILABLE, HV_X64_MSR_SIEFP, HV_X64_MSR_EOM, false },
	{ "SINT0 to SINT15", HV_MSR_SYNIC_AVAILABLE, HV_X64_MSR_SINT0, HV_X64_MSR_SINT0 + 15,
	  false },
	{ "STIMER0 to STIMER3", HV_MSR_SYNTIMER_AVAILABLE, HV_X64_MSR_STIMER0_CONFIG,
	  HV_X64_MSR_STIMER0_CONFIG + 7, false },
};

static void check_group(const struct register_group *group, bool available)
{
	int wrong = 0;
	u32 which = 0;
	u64 value;

	for (u32 msr = group->first; msr <= group->last; msr++) {
		int reads = rdmsr_safe(msr, &value), writes = 0;

		/* A register that can be written keeps the value that was read. */
		if (!available || group->read_only)
			writes = wrmsr_safe(msr, value);
		if ((reads == GP_VECTOR) != !available ||
		    (writes == GP_VECTOR) != (!available || group->read_only)) {
			which = which ?: msr;
			wrong++;
		}
	}
	report(!wrong, "%s: CPUID says that they are %s; %d registers behave otherwise%s%x",
	       group->name, available ? "there" : "not there, so #GP", wrong,
	       wrong ? ", the first 0x" : " ", which);
}

/*
 * CPUID reports which registers there are. A broken hypervisor does not raise #GP for one that is
 * missing, which misleads a guest that probes for it, or raises #GP for one that is there. It may
 * offer more registers than CPUID reports, unless the VMM forbids it (KVM_CAP_HYPERV_ENFORCE_CPUID,
 * QEMU's hv-enforce-cpuid). Run this with Hyper-V's interface on and off.
 */
TEST(registers_as_cpuid_says, .on = EACH_CPU, .needs = HV_HOST,
     .about = "a Hyper-V register can be read if CPUID announces it, and raises #GP if not")
{
	u64 features = hv_features().a;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		check_group(&groups[i], features & groups[i].available);
}

/*
 * A broken hypervisor starts with other values, or a broken reset leaves old ones. Later rounds
 * find the same values, since the other tests clean up.
 */
TEST(defaults, .on = EACH_CPU, .needs = HV_SYNIC,
     .about =
	     "at first all SINTs are masked, and SynIC pages, SCONTROL and synthetic timers are off")
{
	int masked = 0, stopped = 0;

	for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++)
		masked += rdmsr(HV_X64_MSR_SINT0 + sint) == HV_SYNIC_SINT_MASKED;
	report(masked == HV_SYNIC_SINT_COUNT, "%d of %d SINTs read 0x%lx", masked,
	       HV_SYNIC_SINT_COUNT, HV_SYNIC_SINT_MASKED);
	report(!rdmsr(HV_X64_MSR_SCONTROL), "SCONTROL is 0x%lx", rdmsr(HV_X64_MSR_SCONTROL));
	report(!rdmsr(HV_X64_MSR_SIMP), "SIMP is 0x%lx", rdmsr(HV_X64_MSR_SIMP));
	report(!rdmsr(HV_X64_MSR_SIEFP), "SIEFP is 0x%lx", rdmsr(HV_X64_MSR_SIEFP));
	report(!rdmsr(HV_X64_MSR_EOM), "EOM reads 0x%lx", rdmsr(HV_X64_MSR_EOM));
	if (!HV_STIMER[0]->present())
		return;
	for (int timer = 0; timer < HV_SYNIC_STIMER_COUNT; timer++)
		stopped += !hv_stimer_config(timer) && !hv_stimer_count(timer);
	report(stopped == HV_SYNIC_STIMER_COUNT, "%d of %d timers are stopped", stopped,
	       HV_SYNIC_STIMER_COUNT);
}
