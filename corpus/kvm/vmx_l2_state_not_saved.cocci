// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the VMCS is saved as it was at the entry, without L2's later changes of its control registers
// Noticed by: after a migration a nested guest has the page tables and control registers of its last entry, and crashes
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/precopy
// Test: registers_written_in_l2
//
// What must hold: CR0, CR3 and CR4 that L2 has written, where L1 does not want an exit,
// are the same after a migration in L2, and in the VMCS at the exit.

@@
expression vcpu, vmcs12;
@@
 vmx_get_nested_state(...)
 {
 <...
- sync_vmcs02_to_vmcs12(vcpu, vmcs12);
 ...>
 }
