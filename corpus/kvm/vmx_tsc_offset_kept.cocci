// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: L1 keeps the TSC offset of its guest after an exit
// Noticed by: the clock of a hypervisor guest jumps whenever a nested guest exits
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_time_up/none
// Test: tsc_offset
//
// What must hold: L1's TSC after an exit has nothing of the offset that the VMCS has for
// L2.

@@
expression vcpu;
@@
 nested_vmx_vmexit(...)
 {
 <...
- vcpu->arch.tsc_offset = vcpu->arch.l1_tsc_offset;
 ...>
 }
