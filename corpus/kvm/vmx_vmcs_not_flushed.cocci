// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: VMPTRLD and VMCLEAR do not write the VMCS that was current back to memory
// Noticed by: a hypervisor guest with two guests finds old states of both
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/none
// Test: several_launched
//
// What must hold: of several VMCSs each keeps its launch state and its fields while
// others are current.

@@
expression vcpu, page, from;
@@
 nested_release_vmcs12(...)
 {
 <...
- kvm_vcpu_write_guest_page(vcpu, page, from, 0, VMCS12_SIZE);
 ...>
 }
