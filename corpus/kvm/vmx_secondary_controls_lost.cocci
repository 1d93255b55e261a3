// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore L2 runs without L1's secondary processor-based controls
// Noticed by: after a migration a nested guest executes instructions that should exit to its hypervisor, e.g. WBINVD
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_exit_up/precopy
// Test: first_exit_secondary
//
// What must hold: what exits by L1's secondary processor-based controls still does so after a
// migration in L2.

@@
expression vmcs12, control;
identifier vmx;
@@
 prepare_vmcs02_early(struct vcpu_vmx *vmx, ...)
 {
 <...
- if (nested_cpu_has(vmcs12, CPU_BASED_ACTIVATE_SECONDARY_CONTROLS))
+ if (vmx->nested.nested_run_pending && nested_cpu_has(vmcs12, CPU_BASED_ACTIVATE_SECONDARY_CONTROLS))
	control |= vmcs12->secondary_vm_exec_control;
 ...>
 }
