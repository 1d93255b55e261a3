// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore the shadow VMCS that L1's VMREAD reads is not filled from the restored VMCS
// Noticed by: a hypervisor guest that is migrated while it handles an exit sees an exit reason of zero, or enters its guest at address 0
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/precopy
// Test: fields_of_exit
//
// What must hold: fields that an exit or L1 has written into the VMCS read the same after a
// migration.

@@
identifier vmx;
expression address;
@@
 vmx_set_nested_state(...)
 {
 <...
  set_current_vmptr(vmx, address);
+ vmx->nested.need_vmcs12_to_shadow_sync = false;
 ...>
 }
