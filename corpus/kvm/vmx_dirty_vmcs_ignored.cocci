// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: VMWRITE does not tell the next entry that fields have changed which it takes over only then
// Noticed by: a hypervisor guest moves its guest to another segment or changes which page faults it wants, and nothing happens
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_exit_up/none
// Test: page_fault_masks
//
// What must hold: what VMWRITE has written into the current VMCS counts from the next VM
// entry on.

@@
expression vmx;
@@
 handle_vmwrite(...)
 {
 <...
- vmx->nested.dirty_vmcs12 = true;
 ...>
 }
