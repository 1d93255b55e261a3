// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore L2 runs on the page tables of L1, and not on the EPT that L1 gave to it
// Noticed by: a nested guest reads and writes memory of its hypervisor after a migration, and crashes
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_memory_up/precopy
// Test: ept_first_access
//
// What must hold: with EPT an address of L2 means the same page before and after a migration,
// as the EPT says; an access that it forbids still ends in an exit.

@@
expression vcpu, vmcs12;
@@
 prepare_vmcs02(..., bool from_vmentry, ...)
 {
 <...
- if (nested_cpu_has_ept(vmcs12))
+ if (from_vmentry && nested_cpu_has_ept(vmcs12))
	nested_ept_init_mmu_context(vcpu);
 ...>
 }
