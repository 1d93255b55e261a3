// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of what a case may need of its host. See needs.h. To add a need, write a function that
 * asks this machine, add a row to the table, and add the need's name to the `offers` of the labs
 * that meet it (lab/kinds.c).
 */
#include "suite/needs.h"
#include "util/kvm.h"

/* The ids of a local APIC that QEMU 7.2 emulates are 0 to 254: x86_cpus_init() in hw/i386/x86.c. */
#define MOST_TCG_VCPUS 255

unsigned most_vcpus(const char *accel)
{
	return g_str_equal(accel, "tcg") ? MOST_TCG_VCPUS : kvm_offers()->most_vcpus;
}

static const char *missing_kvm(const char *accel)
{
	return g_str_equal(accel, "kvm") ? NULL : "needs KVM, and this runs on TCG";
}

static const char *missing_kvmclock(const char *accel)
{
	if (missing_kvm(accel))
		return "needs kvmclock, which KVM offers and TCG does not";
	if (!kvm_offers()->kvmclock)
		return "needs kvmclock, which this KVM does not offer (CPUID 0x40000001 EAX bits 0 and 3 are clear)";
	return NULL;
}

static const char *missing_hyperv(const char *accel)
{
	if (missing_kvm(accel))
		return "needs Hyper-V's synthetic timers, which KVM offers and TCG does not";
	if (!kvm_offers()->synic)
		return "needs Hyper-V's SynIC, which this KVM does not offer (KVM_CAP_HYPERV_SYNIC2 is 0)";
	return NULL;
}

/* TCG emulates SVM, too, though QEMU 7.2 does so with bugs. So --accel tcg never lacks it. */
static const char *missing_svm(const char *accel)
{
	if (!missing_kvm(accel) && !kvm_offers_svm())
		return "needs nested SVM, which this KVM does not offer (CPUID 0x80000001 ECX bit 2 is clear; kvm-amd's parameter `nested`)";
	return NULL;
}

static const char *missing_vmx(const char *accel)
{
	if (missing_kvm(accel))
		return "needs nested VMX, which KVM can offer and TCG does not emulate";
	if (!kvm_offers_vmx())
		return "needs nested VMX, which this KVM does not offer (CPUID 1 ECX bit 5 is clear; kvm-intel's parameter `nested`)";
	return NULL;
}

static const char *missing_tsc_scaling(const char *accel)
{
	if (missing_kvm(accel))
		return "needs TSC scaling, which KVM can offer and TCG does not";
	if (!kvm_offers()->tsc_scaling)
		return "needs TSC scaling, which this KVM does not offer (KVM_CAP_TSC_CONTROL is 0)";
	return NULL;
}

static const char *missing_smm(const char *accel)
{
	if (missing_kvm(accel) || kvm_offers()->smm)
		return NULL;
	return "needs system management mode, which this KVM does not offer (KVM_CAP_X86_SMM is 0)";
}

static gboolean clock_is_tsc(void)
{
	g_autofree char *clock = host_clock_source();

	return g_str_equal(clock, "tsc");
}

static const char *missing_clock_tsc(const char *accel)
{
	if (missing_kvm(accel) || clock_is_tsc())
		return missing_kvm(accel);
	return "needs a host whose clocksource is tsc, and this host has another one (a lab has it with --lab-clock tsc)";
}

static const char *missing_clock_not_tsc(const char *accel)
{
	if (missing_kvm(accel) || !clock_is_tsc())
		return missing_kvm(accel);
	return "needs a host whose clocksource is not tsc, and this host's is (a lab has another one with --lab-clock hpet)";
}

static const char *nothing_missing(const char *accel)
{
	return NULL;
}

static const struct need {
	const char *name;
	const char *(*missing)(const char *accel);
	const char *lab_clock; /* the clock that a lab must have for it; NULL: any will do */
} needs[] = {
	{ .name = "kvm", .missing = missing_kvm },
	{ .name = "kvmclock", .missing = missing_kvmclock },
	{ .name = "hyperv", .missing = missing_hyperv },
	{ .name = "svm", .missing = missing_svm },
	{ .name = "vmx", .missing = missing_vmx },
	/* Whether this need is met depends on --firmware, not on the host (placement.c). */
	{ .name = NEEDS_UEFI, .missing = nothing_missing },
	{ .name = "smm", .missing = missing_smm },
	{ .name = "tsc_scaling", .missing = missing_tsc_scaling },
	{ .name = "clock_tsc", .missing = missing_clock_tsc, .lab_clock = "tsc" },
	{ .name = "clock_not_tsc", .missing = missing_clock_not_tsc, .lab_clock = "hpet" },
};

const char *const *need_names(void)
{
	static const char *names[G_N_ELEMENTS(needs) + 1];

	for (gsize i = 0; i < G_N_ELEMENTS(needs); i++)
		names[i] = needs[i].name;
	return names;
}

const char *need_lab_clock(const char *need)
{
	for (gsize i = 0; i < G_N_ELEMENTS(needs); i++)
		if (g_str_equal(needs[i].name, need))
			return needs[i].lab_clock;
	return NULL;
}

const char *need_missing(const char *need, const char *accel)
{
	for (gsize i = 0; i < G_N_ELEMENTS(needs); i++)
		if (g_str_equal(needs[i].name, need))
			return needs[i].missing(accel);
	return "needs something that the runner does not know";
}
