// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an entry does not load the MSRs of L1's load area
// Noticed by: a nested guest makes system calls into its hypervisor
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/precopy
// Test: msr_areas
//
// What must hold: L2 has the MSRs of the entry-load area.

@@
identifier failed;
@@
 nested_vmx_enter_non_root_mode(...)
 {
 <...
- failed = nested_vmx_load_msr(...);
+ failed = 0;
 ...>
 }
