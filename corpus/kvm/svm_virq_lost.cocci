// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a pending virtual interrupt (V_IRQ) of L2 is not in the saved nested state
// Noticed by: a nested guest hangs after a migration: the interrupt that its hypervisor had queued never comes
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_event/precopy
// Test: virq_behind_if virq_behind_tpr
//
// What must hold: a V_IRQ that L2 cannot take yet (RFLAGS.IF clear, or V_TPR too high)
// is still pending after a migration: L2 takes it once it can, and int_ctl.V_IRQ in the
// VMCB is still set if a #VMEXIT comes first.

@@
identifier dst, from;
@@
 nested_copy_vmcb_cache_to_control(struct vmcb_control_area *dst,
				   struct vmcb_ctrl_area_cached *from)
 {
 <...
- dst->int_ctl = from->int_ctl;
+ dst->int_ctl = from->int_ctl & ~V_IRQ_MASK;
 ...>
 }
