// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore L2 runs without the interrupt-window exiting that L1 has asked for
// Noticed by: interrupts for a nested guest are late or lost after a migration: its hypervisor waits for the exit in vain
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_event_up/precopy
// Test: interrupt_window
//
// What must hold: with interrupt-window exiting L2 exits as soon as it can take an
// interrupt, although it was migrated before.

@@
expression control, vmcs12;
identifier vmx;
@@
 prepare_vmcs02_early(struct vcpu_vmx *vmx, ...)
 {
 <...
  control |= vmcs12->cpu_based_vm_exec_control;
+ if (!vmx->nested.nested_run_pending)
+	control &= ~CPU_BASED_INTR_WINDOW_EXITING;
 ...>
 }
