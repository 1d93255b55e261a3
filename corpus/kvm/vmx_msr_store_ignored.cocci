// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an exit does not store the MSRs of L1's store area
// Noticed by: a hypervisor guest mixes up the system call entries of its guests
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/precopy
// Test: msr_areas
//
// What must hold: an exit stores the MSRs of its store area as L2 has them.

@@
expression vcpu, vmcs12;
@@
 prepare_vmcs12(...)
 {
 <...
- if (nested_vmx_store_msr(vcpu, vmcs12->vm_exit_msr_store_addr,
- 			   vmcs12->vm_exit_msr_store_count))
-	nested_vmx_abort(...);
 ...>
 }
