// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * defaults
 */
#include "processor.h"
#include "smp.h"
#include "x86/hyperv_synic/hyperv_synic.h"

struct register_group {
	const char *name;
	u64 available; /* in EAX of the leaf of features */
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

		/* To write what was read changes nothing in those that can be written. */
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
 * CPUID tells which registers there are. One that is missing has to fault, or a guest
 * that tries it out is misled; one that is there has to be readable. A hypervisor may
 * have registers in spite of CPUID unless it is told not to (KVM_CAP_HYPERV_ENFORCE_CPUID,
 * QEMU's hv-enforce-cpuid). Run this with Hyper-V's interface on and off.
 */
TEST(registers_as_cpuid_says, .on = EACH_CPU, .needs = HV_HOST,
     .about = "a register that CPUID announces can be read, one that it does not raises #GP")
{
	u64 features = hv_features().a;

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		check_group(&groups[i], features & groups[i].available);
}

/* Every round finds them so again, if the other tests clean up and nothing is left over. */
TEST(defaults, .on = EACH_CPU, .needs = HV_SYNIC,
     .about = "before anybody writes them SINTs are masked, pages, SCONTROL and timers off")
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
