// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: of the state of L1 at VMRUN only RFLAGS is not restored
// Noticed by: a hypervisor guest is never interrupted again after a migration, or in a critical section
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_state/precopy
// Test: l1_flags_and_segments
//
// What must hold: RFLAGS of L1 after the first #VMEXIT that follows a migration in L2 is
// what it was at VMRUN. IF shows it after STGI: a pending interrupt comes, or does
// not.

@@
identifier to, from;
@@
 svm_copy_vmrun_state(struct vmcb_save_area *to, struct vmcb_save_area *from)
 {
 <...
- to->rflags = from->rflags | X86_EFLAGS_FIXED;
 ...>
 }
