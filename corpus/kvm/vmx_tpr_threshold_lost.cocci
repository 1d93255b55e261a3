// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore L2 runs with a TPR threshold of 0
// Noticed by: a nested guest that has lowered its TPR after a migration waits for interrupts that its hypervisor holds back
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_apic_up/precopy
// Test: tpr_threshold
//
// What must hold: L2 exits when its TPR falls below the threshold, although it was migrated since
// its entry.

@@
expression vmcs12;
identifier vmx;
@@
 prepare_vmcs02_early(struct vcpu_vmx *vmx, ...)
 {
 <...
- vmcs_write32(TPR_THRESHOLD, vmcs12->tpr_threshold);
+ vmcs_write32(TPR_THRESHOLD, vmx->nested.nested_run_pending ? vmcs12->tpr_threshold : 0);
 ...>
 }
