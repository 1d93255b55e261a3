// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an exit does not clear the valid bit of the event that the entry has injected
// Noticed by: a nested guest gets each interrupt twice
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_event_up/none
// Test: inject
//
// What must hold: an exit clears the valid bit of the VM-entry interruption-information
// field.

@@
expression vmcs12;
@@
 prepare_vmcs12(...)
 {
 <...
- vmcs12->vm_entry_intr_info_field &= ~INTR_INFO_VALID_MASK;
 ...>
 }
