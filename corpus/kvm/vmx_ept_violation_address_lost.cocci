// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an exit for an EPT violation does not report the address
// Noticed by: a hypervisor guest maps the wrong page, again and again
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_ept_up/none
// Test: ept_violation
//
// What must hold: an EPT violation has the guest-physical address of the access.

@@
expression vmcs12, fault;
@@
 nested_ept_inject_page_fault(...)
 {
 <...
- vmcs12->guest_physical_address = fault->address;
 ...>
 }
