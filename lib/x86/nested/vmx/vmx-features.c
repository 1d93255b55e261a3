// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The features of VMX that this CPU has, and the controls that it allows: Intel SDM volume 3,
 * appendix A, "VMX Capability Reporting Facility".
 */
#include "nested/vmx/vmx-internal.h"
#include "processor.h"

FEATURE(VMX, "VMX (CPUID 1:ECX bit 5, and not locked out by IA32_FEATURE_CONTROL)")
{
	u64 control;

	if (!this_cpu_has(X86_FEATURE_VMX))
		return false;
	control = rdmsr(MSR_IA32_FEAT_CTL);
	return !(control & FEAT_CTL_LOCKED) || control & FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX;
}

u64 vmx_control_capability(enum vmcs_field field)
{
	bool exact = rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_TRUE_CTLS;

	switch (field) {
	case PIN_BASED_VM_EXEC_CONTROL:
		return rdmsr(exact ? MSR_IA32_VMX_TRUE_PINBASED_CTLS : MSR_IA32_VMX_PINBASED_CTLS);
	case CPU_BASED_VM_EXEC_CONTROL:
		return rdmsr(exact ? MSR_IA32_VMX_TRUE_PROCBASED_CTLS
				   : MSR_IA32_VMX_PROCBASED_CTLS);
	case VM_EXIT_CONTROLS:
		return rdmsr(exact ? MSR_IA32_VMX_TRUE_EXIT_CTLS : MSR_IA32_VMX_EXIT_CTLS);
	case VM_ENTRY_CONTROLS:
		return rdmsr(exact ? MSR_IA32_VMX_TRUE_ENTRY_CTLS : MSR_IA32_VMX_ENTRY_CTLS);
	case SECONDARY_VM_EXEC_CONTROL:
		if (rdmsr(MSR_IA32_VMX_PROCBASED_CTLS) >> 32 &
		    CPU_BASED_ACTIVATE_SECONDARY_CONTROLS)
			return rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2);
		return 0;
	default:
		assert_msg(false, "%s is no field of controls", vmcs_field_name(field));
		return 0;
	}
}

bool vmx_may_set(enum vmcs_field field, u32 bits)
{
	return (vmx_control_capability(field) >> 32 & bits) == bits;
}

bool vmx_may_clear(enum vmcs_field field, u32 bits)
{
	return !(vmx_control_capability(field) & bits);
}

#define CONTROL_FEATURE(id, field, bit, text)                                                      \
	FEATURE(id, text)                                                                          \
	{                                                                                          \
		return VMX_present() && vmx_may_set(field, bit);                                   \
	}

CONTROL_FEATURE(VMX_PREEMPTION_TIMER, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_VMX_PREEMPTION_TIMER,
		"the VMX-preemption timer")
CONTROL_FEATURE(VMX_SAVE_PREEMPTION_TIMER, VM_EXIT_CONTROLS, VM_EXIT_SAVE_VMX_PREEMPTION_TIMER,
		"the VMX-preemption timer, saved at exits")
CONTROL_FEATURE(VMX_VIRTUAL_NMIS, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_VIRTUAL_NMIS, "virtual NMIs")
CONTROL_FEATURE(VMX_ACK_INTR_ON_EXIT, VM_EXIT_CONTROLS, VM_EXIT_ACK_INTR_ON_EXIT,
		"acknowledging interrupts on exit")
CONTROL_FEATURE(VMX_TSC_OFFSETTING, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_TSC_OFFSETTING,
		"TSC offsetting")
CONTROL_FEATURE(VMX_TSC_SCALING, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_TSC_SCALING,
		"TSC scaling")
CONTROL_FEATURE(VMX_TPR_SHADOW, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW, "the TPR shadow")
CONTROL_FEATURE(VMX_MONITOR_TRAP_FLAG, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_MONITOR_TRAP_FLAG,
		"the monitor trap flag")
CONTROL_FEATURE(VMX_MSR_BITMAPS, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_MSR_BITMAPS,
		"MSR bit maps")
CONTROL_FEATURE(VMX_IO_BITMAPS, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_IO_BITMAPS, "I/O bit maps")
CONTROL_FEATURE(VMX_EPT, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_EPT, "EPT")
CONTROL_FEATURE(VMX_VPID, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_VPID, "VPIDs")
CONTROL_FEATURE(VMX_UNRESTRICTED_GUEST, SECONDARY_VM_EXEC_CONTROL,
		SECONDARY_EXEC_UNRESTRICTED_GUEST, "unrestricted guests")
CONTROL_FEATURE(VMX_DESC_EXITING, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_DESC,
		"descriptor-table exiting")
CONTROL_FEATURE(VMX_LOAD_PAT, VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_IA32_PAT, "IA32_PAT in the VMCS")
CONTROL_FEATURE(VMX_LOAD_EFER, VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_IA32_EFER, "IA32_EFER in the VMCS")
CONTROL_FEATURE(VMX_SHADOW_VMCS, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_SHADOW_VMCS,
		"VMCS shadowing")
CONTROL_FEATURE(VMX_APIC_ACCESSES, SECONDARY_VM_EXEC_CONTROL,
		SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES, "virtualized APIC accesses")
CONTROL_FEATURE(VMX_X2APIC_MODE, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE,
		"a virtualized x2APIC mode")
CONTROL_FEATURE(VMX_APIC_REGISTER_VIRT, SECONDARY_VM_EXEC_CONTROL,
		SECONDARY_EXEC_APIC_REGISTER_VIRT, "APIC-register virtualization")
CONTROL_FEATURE(VMX_VIRTUAL_INTR_DELIVERY, SECONDARY_VM_EXEC_CONTROL,
		SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY, "virtual-interrupt delivery")
CONTROL_FEATURE(VMX_POSTED_INTR, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_POSTED_INTR,
		"posted interrupts")
CONTROL_FEATURE(VMX_LOAD_PERF_GLOBAL_CTRL, VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL,
		"IA32_PERF_GLOBAL_CTRL in the VMCS")
CONTROL_FEATURE(VMX_LOAD_BNDCFGS, VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_BNDCFGS,
		"IA32_BNDCFGS in the VMCS")
CONTROL_FEATURE(VMX_XSAVES, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_XSAVES, "XSAVES in L2")
CONTROL_FEATURE(VMX_PML, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_PML,
		"page-modification logging")
CONTROL_FEATURE(VMX_EPT_VIOLATION_VE, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_EPT_VIOLATION_VE,
		"virtualization exceptions")

FEATURE(VMX_EPTP_SWITCHING, "EPTP switching (IA32_VMX_VMFUNC)")
{
	return VMX_present() &&
	       vmx_may_set(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_VMFUNC) &&
	       rdmsr(MSR_IA32_VMX_VMFUNC) & VMX_VMFUNC_EPTP_SWITCHING;
}

static bool ept_vpid_capability(bool there, u64 bits)
{
	return there && (rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) & bits) == bits;
}

#define EPT_VPID_FEATURE(id, of, bits, text)                                                       \
	FEATURE(id, text)                                                                          \
	{                                                                                          \
		return ept_vpid_capability(of##_present(), bits);                                  \
	}

EPT_VPID_FEATURE(VMX_EPT_AD, VMX_EPT, VMX_EPT_AD_BIT, "accessed and dirty flags for EPT")
EPT_VPID_FEATURE(VMX_EPT_EXECUTE_ONLY, VMX_EPT, VMX_EPT_EXECUTE_ONLY_BIT,
		 "EPT entries that only let execute")
EPT_VPID_FEATURE(VMX_EPT_2MB_PAGE, VMX_EPT, VMX_EPT_2MB_PAGE_BIT, "EPT pages of 2 MiB")
EPT_VPID_FEATURE(VMX_EPT_1GB_PAGE, VMX_EPT, VMX_EPT_1GB_PAGE_BIT, "EPT pages of 1 GiB")
EPT_VPID_FEATURE(VMX_INVEPT_CONTEXT, VMX_EPT, VMX_EPT_INVEPT_BIT | VMX_EPT_EXTENT_CONTEXT_BIT,
		 "single-context INVEPT")
EPT_VPID_FEATURE(VMX_INVEPT_GLOBAL, VMX_EPT, VMX_EPT_INVEPT_BIT | VMX_EPT_EXTENT_GLOBAL_BIT,
		 "all-context INVEPT")
EPT_VPID_FEATURE(VMX_INVVPID_INDIVIDUAL_ADDR, VMX_VPID,
		 VMX_VPID_INVVPID_BIT | VMX_VPID_EXTENT_INDIVIDUAL_ADDR_BIT,
		 "individual-address INVVPID")
EPT_VPID_FEATURE(VMX_INVVPID_SINGLE_CONTEXT, VMX_VPID,
		 VMX_VPID_INVVPID_BIT | VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT,
		 "single-context INVVPID")
EPT_VPID_FEATURE(VMX_INVVPID_ALL_CONTEXT, VMX_VPID,
		 VMX_VPID_INVVPID_BIT | VMX_VPID_EXTENT_GLOBAL_CONTEXT_BIT, "all-context INVVPID")
EPT_VPID_FEATURE(VMX_INVVPID_SINGLE_NON_GLOBAL, VMX_VPID,
		 VMX_VPID_INVVPID_BIT | VMX_VPID_EXTENT_SINGLE_NON_GLOBAL_BIT,
		 "single-context INVVPID that retains globals")

#define MISC_FEATURE(id, bit, text)                                                                \
	FEATURE(id, text)                                                                          \
	{                                                                                          \
		return VMX_present() && rdmsr(MSR_IA32_VMX_MISC) & (bit);                          \
	}

MISC_FEATURE(VMX_ZERO_LEN_INS, VMX_MISC_ZERO_LEN_INS, "injection with instruction length 0")
MISC_FEATURE(VMX_ACTIVITY_HLT, VMX_MISC_ACTIVITY_HLT, "entries to the activity state HLT")
MISC_FEATURE(VMX_ACTIVITY_SHUTDOWN, VMX_MISC_ACTIVITY_SHUTDOWN,
	     "entries to the activity state shutdown")
MISC_FEATURE(VMX_ACTIVITY_WAIT_SIPI, VMX_MISC_ACTIVITY_WAIT_SIPI,
	     "entries to the activity state wait-for-SIPI")

/* ---- for programs of both kinds of L2 ---- */

FEATURE(L2, "VMX (CPUID 1:ECX bit 5, and not locked out by IA32_FEATURE_CONTROL)")
{
	return VMX_present();
}

FEATURE(L2_OWN_EFER, "IA32_EFER in the VMCS")
{
	return VMX_LOAD_EFER_present();
}

FEATURE(L2_TSC_OFFSET, "VMX with TSC offsetting (IA32_VMX_PROCBASED_CTLS bit 3)")
{
	return VMX_TSC_OFFSETTING_present();
}
