// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the virtual TPR of L2 is not in the saved nested state
// Noticed by: a nested Windows, which masks interrupts by CR8, is interrupted at the wrong level after a migration: bluescreen
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_event/precopy
// Test: tpr_two virq_behind_tpr
//
// What must hold: with V_INTR_MASKING, CR8 as L2 reads it (and V_TPR in the VMCB at the next
// #VMEXIT) is the same before and after a migration, and a V_IRQ of lower priority is still held
// back.

@@
identifier dst, from;
@@
 nested_copy_vmcb_cache_to_control(struct vmcb_control_area *dst,
				   struct vmcb_ctrl_area_cached *from)
 {
 <...
- dst->int_ctl = from->int_ctl;
+ dst->int_ctl = from->int_ctl & ~V_TPR_MASK;
 ...>
 }
