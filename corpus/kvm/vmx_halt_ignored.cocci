// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an L2 that is entered in the HLT state runs
// Noticed by: a hypervisor guest enters its idle guest in the HLT state, but the guest goes on after its HLT for no reason
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_activity_up/none
// Test: preemption_timer_hlt
//
// What must hold: an L2 that is entered in the HLT state executes nothing before an
// event that wakes it.

@@
expression vcpu;
@@
 nested_vmx_run(...)
 {
 <...
- return kvm_emulate_halt_noskip(vcpu);
+ return 1;
 ...>
 }
