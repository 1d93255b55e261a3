// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the shadow VMCS that L2's VMREAD and VMWRITE act on is not restored: it is all zeroes
// Noticed by: a hypervisor inside a nested guest (three levels) loses its guest's state at a migration
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_shadow_up/precopy
// Test: moved_in_l2
//
// What must hold: fields that L2 has written into the shadow VMCS by VMWRITE read the same in L2
// after a migration, and in L1 after the exit.

@@
identifier shadow, failed;
expression from;
@@
 vmx_set_nested_state(...)
 {
 <...
- if (copy_from_user(shadow, from, sizeof(*shadow))) {
-	...
- }
 ...
- if (shadow->hdr.revision_id != VMCS12_REVISION || !shadow->hdr.shadow_vmcs)
-	goto failed;
 ...>
 }
