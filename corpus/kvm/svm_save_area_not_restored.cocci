// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a restore does not take the state of L1 at VMRUN from the nested state
// Noticed by: a hypervisor guest crashes at the first exit of its own guest after a migration
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_state/precopy
// Test: registers_from_vmcb l1_flags_and_segments
//
// What must hold: the first #VMEXIT after a migration in L2 restores all of L1's state at VMRUN:
// RIP, RSP, RAX, RFLAGS, CR0, CR3, CR4, EFER, CS, SS, DS, ES, GDTR, IDTR.

@@
expression to, save;
@@
 svm_set_nested_state(...)
 {
 <...
- svm_copy_vmrun_state(to, save);
 ...>
 }
