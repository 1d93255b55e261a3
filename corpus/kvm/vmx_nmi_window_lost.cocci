// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore L2 runs without the NMI-window exiting that L1 has asked for
// Noticed by: an NMI for a nested guest, e.g. from its watchdog, never comes after a migration
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_event_up/precopy
// Test: nmi_window_moved_in_l2
//
// What must hold: with NMI-window exiting L2 exits as soon as it can take an NMI,
// although it was migrated before.

@@
expression control, vmcs12;
identifier vmx;
@@
 prepare_vmcs02_early(struct vcpu_vmx *vmx, ...)
 {
 <...
  control |= vmcs12->cpu_based_vm_exec_control;
+ if (!vmx->nested.nested_run_pending)
+	control &= ~CPU_BASED_NMI_WINDOW_EXITING;
 ...>
 }
