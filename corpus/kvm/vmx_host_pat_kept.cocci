// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an exit does not load IA32_PAT although L1 wants it to
// Noticed by: a hypervisor guest writes its device memory through the cache, or all memory uncached
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/none
// Test: host_state
//
// What must hold: with "load IA32_PAT" in the exit controls, IA32_PAT is that of the
// host state after an exit.

@@
expression vmcs12;
@@
 load_vmcs12_host_state(...)
 {
 <...
- if (vmcs12->vm_exit_controls & VM_EXIT_LOAD_IA32_PAT) {
-	...
- }
 ...>
 }
