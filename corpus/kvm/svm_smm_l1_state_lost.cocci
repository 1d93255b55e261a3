// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: RSM takes a CPU back to its L2, and L1's registers are those of the SMI handler
// Noticed by: a nested hypervisor crashes when an SMI has come to its guest
// Files: arch/x86/kvm/svm/svm.c
// Reaches: svm_smm*
// Cases: svm_smm/none svm_smm/precopy
// Test: *_handler*
//
// Undoes Linux 37be407b2ce8, "KVM: nSVM: Fix L1 state corruption upon return from SMM" (5.14).
//
// What must hold: L1 goes on behind its VMRUN with its own registers.

@@
expression svm, from;
@@
 svm_leave_smm(...)
 {
 <...
- svm_copy_vmrun_state(&svm->vmcb01.ptr->save, from);
 ...>
 }
