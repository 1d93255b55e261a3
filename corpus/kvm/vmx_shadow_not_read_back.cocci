// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the saved VMCS lacks the fields that L1 has written without an exit since the last entry or exit
// Noticed by: a hypervisor guest that is migrated between its VMWRITEs and the entry runs its guest with an older RIP or control registers
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/precopy
// Test: fields
//
// What must hold: every field of the current VMCS that VMWRITE has written reads the
// same after a migration.

// With VMCS shadowing, L1's VMREAD and VMWRITE of some fields act on a VMCS of KVM's
// own; before the state is saved it is read back. VMLAUNCH and VMRESUME do so, too.
@@
@@
 vmx_get_nested_state(...)
 {
 <...
- copy_shadow_to_vmcs12(...);
+ ;
 ...>
 }
