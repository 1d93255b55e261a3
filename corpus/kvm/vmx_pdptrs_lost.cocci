// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore L2 with PAE paging and EPT has PDPTEs that come from nowhere
// Noticed by: a 32-bit nested guest crashes at a migration
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_memory_up/precopy
// Test: pae_ept pae_ept_pdptes
//
// What must hold: with PAE paging and EPT the four PDPTEs of L2 are the same after a
// migration in L2.

@@
identifier f =~ "^prepare_vmcs02(_rare)?$";
expression vmcs12;
@@
 f(...)
 {
 <...
(
- vmcs_write64(GUEST_PDPTR0, vmcs12->guest_pdptr0);
|
- vmcs_write64(GUEST_PDPTR1, vmcs12->guest_pdptr1);
|
- vmcs_write64(GUEST_PDPTR2, vmcs12->guest_pdptr2);
|
- vmcs_write64(GUEST_PDPTR3, vmcs12->guest_pdptr3);
)
 ...>
 }
