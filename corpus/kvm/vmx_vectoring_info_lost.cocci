// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an exit during the delivery of an event does not report that event to L1
// Noticed by: a hypervisor guest does not inject the event again, and its guest loses an interrupt
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_event_up/none
// Test: fault_in_delivery
//
// What must hold: an exit that occurs while an event is delivered through the IDT of L2
// has that event in the IDT-vectoring information field.

@@
expression vcpu, vmcs12, reason, info;
@@
 prepare_vmcs12(...)
 {
 <...
- vmcs12_save_pending_event(vcpu, vmcs12, reason, info);
+ vmcs12->idt_vectoring_info_field = 0;
 ...>
 }
