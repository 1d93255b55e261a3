// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a restored vCPU is in VMX operation, but KVM has forgotten the address of its VMXON region
// Noticed by: a hypervisor guest survives one migration, and at the second one its VMX operation is lost
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/precopy
// Test: vmxon_region_known
//
// What must hold: after a migration VMCLEAR and VMPTRLD of the VMXON region fail with errors
// 3 and 10.

@@
identifier vmx;
expression address;
@@
 vmx_set_nested_state(...)
 {
 <...
- vmx->nested.vmxon_ptr = address;
 ...>
 }
