// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the saved nested state does not say which VMCS is current
// Noticed by: after a migration between two entries the next VMREAD of a hypervisor guest fails, and it panics or kills its guests
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/precopy
// Test: launched
//
// What must hold: the VMCS that was made current by VMPTRLD is current after a migration: VMPTRST
// stores its address, and VMREAD, VMWRITE, VMLAUNCH and VMRESUME act on it.

// Without a current VMCS the state may have no VMCS after its header, or it is refused.
@@
expression state, vcpu;
identifier vmx;
@@
 vmx_get_nested_state(...)
 {
 <...
(
- state.hdr.vmx.vmcs12_pa = vmx->nested.current_vmptr;
|
- vmx_has_valid_vmcs12(vcpu)
+ false
)
 ...>
 }
