// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an INIT leaves CR4 as it is (9e46f6c6c959, "KVM: SVM: Clear the CR4 register on reset", undone)
// Noticed by: a guest's new kernel dies on all CPUs but one when it is started by kexec, or after a crash
// Files: arch/x86/kvm/x86.c
// Reaches: modes*
// Cases: modes/none modes/precopy
// Test: init_then_action action_then_init
//
// What must hold: CR4 is 0 after an INIT.

@@
expression vcpu;
@@
 kvm_vcpu_reset(...)
 {
 <...
(
- static_call(kvm_x86_set_cr4)(vcpu, 0);
|
- kvm_x86_call(set_cr4)(vcpu, 0);
)
 ...>
 }
