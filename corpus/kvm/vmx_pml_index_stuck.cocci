// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the index of L1's page-modification log stays where it is
// Noticed by: a hypervisor guest migrates its own guest and loses the pages that it has written to
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_ept_up/none
// Test: pml
//
// What must hold: each first write of L2 to a page adds one entry to the
// page-modification log, and the index goes down by one.

@@
expression vmcs12;
@@
 nested_vmx_write_pml_buffer(...)
 {
 <...
- vmcs12->guest_pml_index--;
 ...>
 }
