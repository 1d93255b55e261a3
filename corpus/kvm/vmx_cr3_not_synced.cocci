// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the VMCS keeps the CR3 of the entry when L2 with EPT has loaded another
// Noticed by: a nested guest runs on in the address space of another process after an exit
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/none
// Test: registers_written_in_l2_ept
//
// What must hold: an exit saves CR3 as L2 has it.

@@
expression vmcs12;
@@
 sync_vmcs02_to_vmcs12(...)
 {
 <...
- vmcs12->guest_cr3 = vmcs_readl(GUEST_CR3);
 ...>
 }
