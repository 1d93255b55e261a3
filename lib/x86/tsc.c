// SPDX-License-Identifier: GPL-2.0-or-later
/* See tsc.h. */
#include "tsc.h"
#include "cpuid.h"
#include "processor.h"
#include "smp.h"

static bool ahead;
/* What the boot CPU has in IA32_TSC_ADJUST. */
static u64 adjustment;

FEATURE(TSC_IS_AHEAD, "a TSC that the library has advanced (tsc-ahead=1, and TSC_ADJUST)")
{
	return ahead;
}

/* One software KVM lets a guest write TSC_ADJUST, but gives it the host's TSC. */
static bool advance_first(void)
{
	u64 original = rdmsr(MSR_IA32_TSC_ADJUST), before = rdtsc_ordered();

	adjustment = original + TSC_AHEAD;
	wrmsr(MSR_IA32_TSC_ADJUST, adjustment);
	if (rdtsc_ordered() - before >= TSC_AHEAD)
		return true;
	wrmsr(MSR_IA32_TSC_ADJUST, original);
	return false;
}

void tsc_go_ahead(void)
{
	if (smp_id() == 0)
		ahead = argument_number("tsc-ahead", 0) && this_cpu_has(X86_FEATURE_TSC_ADJUST) &&
			advance_first();
	else if (ahead)
		wrmsr(MSR_IA32_TSC_ADJUST, adjustment);
}

static void advance_here(void *ticks)
{
	wrmsr(MSR_IA32_TSC_ADJUST, rdmsr(MSR_IA32_TSC_ADJUST) + *(const s64 *)ticks);
}

void tsc_advance_all(s64 ticks)
{
	on_cpus(advance_here, &ticks);
}
