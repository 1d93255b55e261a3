// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Facts about single MSRs: Intel SDM volume 4; AMD APM volume 2, appendix A; Hyper-V TLFS,
 * appendix "Hypervisor Synthetic MSRs"; Linux, Documentation/virt/kvm/x86/msr.rst.
 */
#include <stdio.h>
#include <stdlib.h>

#include "msrs.h"

#define MSR_ASYNC_PF_EN	       0x4b564d02
#define HV_X64_MSR_GUEST_OS_ID 0x40000000

const struct msr_range msr_ranges[] = {
	{ MSR_IA32_FEATURE_CONTROL, MSR_IA32_FEATURE_CONTROL, "locks VMX on" },
	{ 0x8c, 0x8f, "hash of the key that may launch SGX enclaves" },
	{ 0x17a, 0x17b, "machine check: status and control" },
	{ 0x1d9, 0x1d9, "branch and single-step debug control" },
	{ 0x200, 0x20f, "MTRRs of variable ranges" },
	{ 0x250, 0x250, "MTRRs of fixed ranges" },
	{ 0x258, 0x259, "MTRRs of fixed ranges" },
	{ 0x268, 0x26f, "MTRRs of fixed ranges" },
	{ 0x2ff, 0x2ff, "MTRRs' default type" },
	{ 0x280, 0x29f, "corrected machine checks of each bank" },
	{ 0x400, 0x47f, "machine check banks" },
	{ 0x480, 0x491, "VMX capabilities" },
	{ HV_X64_MSR_SCONTROL, HV_X64_MSR_SINT15, "SynIC; KVM lists its control MSR alone" },
	{ HV_X64_MSR_STIMER0_CONFIG, HV_X64_MSR_STIMER3_COUNT,
	  "synthetic timers; KVM lists the first one alone" },
	{ 0xc0010114, 0xc0010114, "VM_CR, which can lock SVM off" },
	{ 0xc0010140, 0xc0010141, "OS-visible workarounds" },
	{ 0 },
};

bool msr_is_feature(uint32_t index)
{
	switch (index) {
	case MSR_IA32_FEATURE_CONTROL:
	case 0x8b:	      /* microcode revision */
	case 0xce:	      /* platform information */
	case 0x10a:	      /* IA32_ARCH_CAPABILITIES */
	case 0x345:	      /* IA32_PERF_CAPABILITIES */
	case 0x480 ... 0x491: /* IA32_VMX_* */
	case 0xc0011029:      /* AMD's DE_CFG */
		return true;
	default:
		return false;
	}
}

bool msr_is_derived(uint32_t index)
{
	switch (index) {
	case 0x481 ... 0x484: /* KVM makes these from IA32_VMX_TRUE_*_CTLS */
	case 0x487:	      /* IA32_VMX_CR0_FIXED1 */
	case 0x489:	      /* IA32_VMX_CR4_FIXED1, which KVM makes from CPUID */
	case HV_X64_MSR_EOM:  /* "end of message", a command and no state */
		return true;
	default:
		return false;
	}
}

unsigned msr_rank(uint32_t index)
{
	/* KVM enables the hypercall page only after this one is set. */
	if (index == HV_X64_MSR_GUEST_OS_ID)
		return 0;
	/*
	 * Timers and asynchronous page faults may send a message or interrupt as soon as they are
	 * set, by way of the other MSRs. So those come first.
	 */
	if (index < HV_X64_MSR_STIMER0_CONFIG || index > HV_X64_MSR_STIMER3_COUNT) {
		if (index == MSR_IA32_TSC_DEADLINE || index == MSR_ASYNC_PF_EN)
			return 4;
		return 1;
	}
	/*
	 * A Hyper-V timer starts when its configuration is set and enables it, so its count, at an
	 * odd index, comes first.
	 */
	return index & 1 ? 2 : 3;
}

static const struct {
	uint32_t index;
	const char *name;
} names[] = {
	{ 0x10, "IA32_TIME_STAMP_COUNTER" },
	{ 0x3a, "IA32_FEATURE_CONTROL" },
	{ 0x3b, "IA32_TSC_ADJUST" },
	{ 0x48, "IA32_SPEC_CTRL" },
	{ 0x8b, "IA32_BIOS_SIGN_ID" },
	{ 0x9e, "IA32_SMBASE" },
	{ 0xce, "MSR_PLATFORM_INFO" },
	{ 0xe1, "IA32_UMWAIT_CONTROL" },
	{ 0x10a, "IA32_ARCH_CAPABILITIES" },
	{ 0x122, "IA32_TSX_CTRL" },
	{ 0x140, "MISC_FEATURES_ENABLES" },
	{ 0x174, "IA32_SYSENTER_CS" },
	{ 0x175, "IA32_SYSENTER_ESP" },
	{ 0x176, "IA32_SYSENTER_EIP" },
	{ 0x17a, "IA32_MCG_STATUS" },
	{ 0x17b, "IA32_MCG_CTL" },
	{ 0x1a0, "IA32_MISC_ENABLE" },
	{ 0x1c4, "IA32_XFD" },
	{ 0x1c5, "IA32_XFD_ERR" },
	{ 0x1d9, "IA32_DEBUGCTL" },
	{ 0x1fc, "MSR_POWER_CTL" },
	{ 0x277, "IA32_PAT" },
	{ 0x2ff, "IA32_MTRR_DEF_TYPE" },
	{ 0x309, "IA32_FIXED_CTR0" },
	{ 0x30a, "IA32_FIXED_CTR1" },
	{ 0x30b, "IA32_FIXED_CTR2" },
	{ 0x345, "IA32_PERF_CAPABILITIES" },
	{ 0x38d, "IA32_FIXED_CTR_CTRL" },
	{ 0x38f, "IA32_PERF_GLOBAL_CTRL" },
	{ 0x480, "IA32_VMX_BASIC" },
	{ 0x481, "IA32_VMX_PINBASED_CTLS" },
	{ 0x482, "IA32_VMX_PROCBASED_CTLS" },
	{ 0x483, "IA32_VMX_EXIT_CTLS" },
	{ 0x484, "IA32_VMX_ENTRY_CTLS" },
	{ 0x485, "IA32_VMX_MISC" },
	{ 0x486, "IA32_VMX_CR0_FIXED0" },
	{ 0x487, "IA32_VMX_CR0_FIXED1" },
	{ 0x488, "IA32_VMX_CR4_FIXED0" },
	{ 0x489, "IA32_VMX_CR4_FIXED1" },
	{ 0x48a, "IA32_VMX_VMCS_ENUM" },
	{ 0x48b, "IA32_VMX_PROCBASED_CTLS2" },
	{ 0x48c, "IA32_VMX_EPT_VPID_CAP" },
	{ 0x48d, "IA32_VMX_TRUE_PINBASED_CTLS" },
	{ 0x48e, "IA32_VMX_TRUE_PROCBASED_CTLS" },
	{ 0x48f, "IA32_VMX_TRUE_EXIT_CTLS" },
	{ 0x490, "IA32_VMX_TRUE_ENTRY_CTLS" },
	{ 0x491, "IA32_VMX_VMFUNC" },
	{ 0x6e0, "IA32_TSC_DEADLINE" },
	{ 0xd90, "IA32_BNDCFGS" },
	{ 0xda0, "IA32_XSS" },
	{ 0x11, "MSR_KVM_WALL_CLOCK" },
	{ 0x12, "MSR_KVM_SYSTEM_TIME" },
	{ 0x4b564d00, "MSR_KVM_WALL_CLOCK_NEW" },
	{ 0x4b564d01, "MSR_KVM_SYSTEM_TIME_NEW" },
	{ 0x4b564d02, "MSR_KVM_ASYNC_PF_EN" },
	{ 0x4b564d03, "MSR_KVM_STEAL_TIME" },
	{ 0x4b564d04, "MSR_KVM_EOI_EN" },
	{ 0x4b564d05, "MSR_KVM_POLL_CONTROL" },
	{ 0x4b564d06, "MSR_KVM_ASYNC_PF_INT" },
	{ 0x4b564d07, "MSR_KVM_ASYNC_PF_ACK" },
	{ 0x40000000, "HV_X64_MSR_GUEST_OS_ID" },
	{ 0x40000001, "HV_X64_MSR_HYPERCALL" },
	{ 0x40000002, "HV_X64_MSR_VP_INDEX" },
	{ 0x40000003, "HV_X64_MSR_RESET" },
	{ 0x40000010, "HV_X64_MSR_VP_RUNTIME" },
	{ 0x40000020, "HV_X64_MSR_TIME_REF_COUNT" },
	{ 0x40000021, "HV_X64_MSR_REFERENCE_TSC" },
	{ 0x40000022, "HV_X64_MSR_TSC_FREQUENCY" },
	{ 0x40000023, "HV_X64_MSR_APIC_FREQUENCY" },
	{ 0x40000073, "HV_X64_MSR_VP_ASSIST_PAGE" },
	{ 0x40000080, "HV_X64_MSR_SCONTROL" },
	{ 0x40000081, "HV_X64_MSR_SVERSION" },
	{ 0x40000082, "HV_X64_MSR_SIEFP" },
	{ 0x40000083, "HV_X64_MSR_SIMP" },
	{ 0x40000084, "HV_X64_MSR_EOM" },
	{ 0x40000100, "HV_X64_MSR_CRASH_P0" },
	{ 0x40000101, "HV_X64_MSR_CRASH_P1" },
	{ 0x40000102, "HV_X64_MSR_CRASH_P2" },
	{ 0x40000103, "HV_X64_MSR_CRASH_P3" },
	{ 0x40000104, "HV_X64_MSR_CRASH_P4" },
	{ 0x40000105, "HV_X64_MSR_CRASH_CTL" },
	{ 0x40000106, "HV_X64_MSR_REENLIGHTENMENT_CONTROL" },
	{ 0x40000107, "HV_X64_MSR_TSC_EMULATION_CONTROL" },
	{ 0x40000108, "HV_X64_MSR_TSC_EMULATION_STATUS" },
	{ 0xc0000080, "EFER" },
	{ 0xc0000081, "STAR" },
	{ 0xc0000082, "LSTAR" },
	{ 0xc0000083, "CSTAR" },
	{ 0xc0000084, "SFMASK" },
	{ 0xc0000102, "KERNEL_GS_BASE" },
	{ 0xc0000103, "TSC_AUX" },
	{ 0xc0000104, "TSC_RATIO" },
	{ 0xc0010015, "HWCR" },
	{ 0xc0010114, "VM_CR" },
	{ 0xc0010117, "VM_HSAVE_PA" },
	{ 0xc001011f, "VIRT_SPEC_CTRL" },
	{ 0xc0010140, "OSVW_ID_LENGTH" },
	{ 0xc0010141, "OSVW_STATUS" },
	{ 0xc0011029, "DE_CFG" },
};

/* The name of an MSR that is one of a numbered series. Returns whether it is. */
static bool numbered_name(char *name, size_t room, uint32_t index)
{
	switch (index) {
	case 0x40000090 ... 0x4000009f:
		snprintf(name, room, "HV_X64_MSR_SINT%u", index - 0x40000090);
		return true;
	case HV_X64_MSR_STIMER0_CONFIG ... HV_X64_MSR_STIMER3_COUNT:
		snprintf(name, room, "HV_X64_MSR_STIMER%u_%s",
			 (index - HV_X64_MSR_STIMER0_CONFIG) / 2, index & 1 ? "COUNT" : "CONFIG");
		return true;
	case 0x200 ... 0x20f:
		snprintf(name, room, "IA32_MTRR_PHYS%s%u", index & 1 ? "MASK" : "BASE",
			 (index - 0x200) / 2);
		return true;
	case 0x400 ... 0x47f:
		snprintf(name, room, "IA32_MC%u_%s", (index - 0x400) / 4,
			 (const char *[]){ "CTL", "STATUS", "ADDR", "MISC" }[index & 3]);
		return true;
	default:
		return false;
	}
}

void msr_name(char *name, size_t room, uint32_t index)
{
	if (numbered_name(name, room, index))
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].index == index) {
			snprintf(name, room, "%s", names[i].name);
			return;
		}
	}
	snprintf(name, room, "0x%x", index);
}
