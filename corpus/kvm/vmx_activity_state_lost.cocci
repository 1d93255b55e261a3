// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an exit says that L2 was active although it was halted
// Noticed by: a hypervisor guest lets a halted guest run on after its HLT, with no interrupt
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_activity_up/none
// Test: preemption_timer_halted
//
// What must hold: the activity state after an exit is the one that L2 was in.

@@
expression vmcs12;
@@
 sync_vmcs02_to_vmcs12(...)
 {
 <...
- vmcs12->guest_activity_state = GUEST_ACTIVITY_HLT;
+ vmcs12->guest_activity_state = GUEST_ACTIVITY_ACTIVE;
 ...>
 }
