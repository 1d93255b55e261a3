// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore L2 runs without L1's primary processor-based controls
// Noticed by: a nested guest halts or reads the time without its hypervisor after a migration
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_exit_up/precopy
// Test: first_exit_primary
//
// What must hold: what exits by L1's primary processor-based controls still does so after a
// migration in L2.

@@
expression control, vmcs12;
identifier vmx;
@@
 prepare_vmcs02_early(struct vcpu_vmx *vmx, ...)
 {
 <...
- control |= vmcs12->cpu_based_vm_exec_control;
+ if (vmx->nested.nested_run_pending)
+	control |= vmcs12->cpu_based_vm_exec_control;
 ...>
 }
