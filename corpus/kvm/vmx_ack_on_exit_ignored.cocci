// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an exit for an external interrupt does not acknowledge it, although L1 asks for that
// Noticed by: a hypervisor guest finds no vector in the VMCS, loses the interrupt, and its devices hang
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_time_up/none
// Test: apic_timer_acknowledged
//
// What must hold: with "acknowledge interrupt on exit" the vector is in the VMCS after
// an exit for an external interrupt, and in service in the local APIC.

@@
expression vcpu;
@@
 nested_vmx_vmexit(...)
 {
 <...
- nested_exit_intr_ack_set(vcpu)
+ false
 ...>
 }
