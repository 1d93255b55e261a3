// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the VMCS is saved without the segments and descriptor tables that L2 has loaded since the entry
// Noticed by: a nested guest that has loaded its own GDT and IDT dies at its first interrupt after a migration
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/precopy
// Test: registers_written_in_l2
//
// What must hold: segment, GDTR and IDTR registers that L2 has loaded are the same after
// a migration in L2, and in the VMCS at the exit.

// QEMU writes segments before the nested state: for L2 they come from the VMCS alone.
@@
expression vcpu, vmcs12;
@@
 vmx_get_nested_state(...)
 {
 <...
- sync_vmcs02_to_vmcs12_rare(vcpu, vmcs12);
 ...>
 }
