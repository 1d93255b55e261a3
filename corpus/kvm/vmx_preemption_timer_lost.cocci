// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore in L2 the VMX-preemption timer does not run any more
// Noticed by: a nested guest that is migrated keeps the CPU until something else makes it exit
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_time_up/precopy
// Test: preemption_timer_across
//
// What must hold: a VMX-preemption timer that is running when L2 is migrated expires.

@@
identifier from_vmentry;
expression vmcs12;
@@
 nested_vmx_enter_non_root_mode(..., bool from_vmentry)
 {
 <...
- if (nested_cpu_has_preemption_timer(vmcs12))
+ if (from_vmentry && nested_cpu_has_preemption_timer(vmcs12))
  { ... }
 ...>
 }
