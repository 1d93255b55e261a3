// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a restored VMCS counts as never launched
// Noticed by: the next VMRESUME of a hypervisor guest that was migrated fails, and its guest is killed
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/precopy
// Test: launched
//
// What must hold: the launch state of the current VMCS is the same after a migration:
// VMLAUNCH of one that was launched fails with error 4, and VMRESUME succeeds.

@@
identifier vmcs12;
expression from;
@@
 vmx_set_nested_state(...)
 {
 <...
  if (copy_from_user(vmcs12, from, ...))
	return -EFAULT;
+ vmcs12->launch_state = 0;
 ...>
 }
