// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: fields that L2 has written by VMWRITE are not in the shadow VMCS after the exit
// Noticed by: a hypervisor inside a nested guest (three levels) sets up a guest, and its own hypervisor runs a different one
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_shadow_up/none
// Test: moved_in_l2
//
// What must hold: L1 finds the fields that L2 has written into the shadow VMCS by VMWRITE after the
// exit.

@@
expression vcpu, vmcs12;
@@
 nested_vmx_vmexit(...)
 {
 <...
- nested_flush_cached_shadow_vmcs12(vcpu, vmcs12);
 ...>
 }
