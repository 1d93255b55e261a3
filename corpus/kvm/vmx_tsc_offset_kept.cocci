// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after an exit L1's TSC still has the TSC offset of its guest
// Noticed by: the clock of a hypervisor guest jumps whenever a nested guest exits
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_time_up/none
// Test: tsc_offset
//
// What must hold: after an exit L1's TSC does not have the offset that the VMCS has for L2.

@@
expression vcpu;
@@
 nested_vmx_vmexit(...)
 {
 <...
- vcpu->arch.tsc_offset = vcpu->arch.l1_tsc_offset;
 ...>
 }
