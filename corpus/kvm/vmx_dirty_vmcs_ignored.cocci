// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: VMWRITE does not mark the VMCS as changed, so the next entry skips fields that it reads only then
// Noticed by: a hypervisor guest moves its guest to another segment or changes which page faults cause exits, and nothing happens
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_exit_up/none
// Test: page_fault_masks
//
// What must hold: values that VMWRITE has written into the current VMCS are in force from the next
// VM entry on.

@@
expression vmx;
@@
 handle_vmwrite(...)
 {
 <...
- vmx->nested.dirty_vmcs12 = true;
 ...>
 }
