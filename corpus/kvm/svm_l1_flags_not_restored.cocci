// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: RFLAGS of L1 at VMRUN is not restored; the rest of L1's state is
// Noticed by: a hypervisor guest is never interrupted again after a migration, or in a critical section
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_state/precopy
// Test: l1_flags_and_segments
//
// What must hold: after the first #VMEXIT after a migration in L2, RFLAGS of L1 is what it was at
// VMRUN. IF shows it after STGI: a pending interrupt comes, or does not.

@@
identifier to, from;
@@
 svm_copy_vmrun_state(struct vmcb_save_area *to, struct vmcb_save_area *from)
 {
 <...
- to->rflags = from->rflags | X86_EFLAGS_FIXED;
 ...>
 }
