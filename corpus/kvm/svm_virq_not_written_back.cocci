// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: #VMEXIT does not write int_ctl back into the VMCB
// Noticed by: a hypervisor that checks whether its interrupt was taken injects it again and again
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_event/none
// Test: virq_behind_if tpr_two
//
// What must hold: at #VMEXIT int_ctl.V_IRQ is clear if L2 has taken the virtual
// interrupt, and V_TPR is what L2 last wrote to CR8.

@@
identifier f =~ "^nested_svm_vmexit";
expression vmcb12, ctl;
@@
 f(...)
 {
 <...
- vmcb12->control.int_ctl = ctl.int_ctl;
 ...>
 }
