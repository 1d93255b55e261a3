// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a saved L2 is in the interrupt shadow that it was entered in ("KVM: nSVM: Sync interrupt shadow to cached vmcb12 after VMRUN of L2", undone)
// Noticed by: an idle CPU of a nested guest never wakes after a migration
// Files: arch/x86/kvm/svm/nested.c
// Reaches: svm_*
// Cases: svm_event/precopy
// Test: halt_after_shadow
//
// What must hold: an interrupt shadow ends with the first instruction, so it does not hold back
// what wakes an L2 that halts later.

@@
identifier svm;
@@
 nested_sync_control_from_vmcb02(struct vcpu_svm *svm)
 {
 <...
- svm->nested.ctl.int_state = svm->vmcb->control.int_state;
 ...>
 }
