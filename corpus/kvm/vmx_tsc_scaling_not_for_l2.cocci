// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: L2's TSC is not scaled like L1's, unless L1 itself enables scaling
// Noticed by: WSL2 hangs in VMs whose TSC frequency is not the host's
// Files: arch/x86/kvm/vmx/nested.c
// Reaches: vmx_time_scaled_up
// Cases: vmx_time_scaled_up/none
// Test: tsc_offset
//
// Undoes Linux 156b9d76e882, "KVM: nVMX: Always enable TSC scaling for L2 when it was enabled for L1"
// (6.0).

@@
identifier exec_control;
expression vmcs12;
@@
+ exec_control &= ~SECONDARY_EXEC_TSC_SCALING;
 if (nested_cpu_has(vmcs12, CPU_BASED_ACTIVATE_SECONDARY_CONTROLS))
	exec_control |= vmcs12->secondary_vm_exec_control;
