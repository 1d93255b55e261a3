// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the saved nested state says that the vCPU is in VMX non-root operation, and lacks the VMCS for that
// Noticed by: a VM that is migrated while its nested guest runs does not run on: KVM refuses the state, and the VMM may not even say so
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/precopy
// Test: segments
//
// What must hold: a vCPU that is migrated in L2 is in L2 afterwards, with the VMCS that it
// was entered with.

@@
expression vcpu;
@@
 vmx_get_nested_state(...)
 {
 <...
- vmx_has_valid_vmcs12(vcpu)
+ (vmx_has_valid_vmcs12(vcpu) && !is_guest_mode(vcpu))
 ...>
 }
