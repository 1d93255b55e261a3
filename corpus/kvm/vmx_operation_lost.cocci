// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: VMX operation is not in the saved nested state
// Noticed by: every VMX instruction of a hypervisor guest that was migrated raises #UD, and it panics
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/precopy
// Test: no_current_vmcs
//
// What must hold: a CPU that has executed VMXON is in VMX operation after a migration, with
// or without a current VMCS.

@@
expression vcpu;
identifier vmx;
@@
 vmx_get_nested_state(...)
 {
 <...
- nested_vmx_allowed(vcpu) && (vmx->nested.vmxon || vmx->nested.smm.vmxon)
+ false
 ...>
 }
