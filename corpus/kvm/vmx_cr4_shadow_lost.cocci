// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore L2 reads its real CR4 and not L1's read shadow
// Noticed by: a nested guest sees CR4.VMXE and other bits of its hypervisor after a migration
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_exit_up/precopy
// Test: cr_masks
//
// What must hold: L2 reads the bits of CR4 that are in the mask from the shadow, after a
// migration in L2, too.

@@
expression vmcs12;
@@
 prepare_vmcs02(...)
 {
 <...
- vmcs_writel(CR4_READ_SHADOW, nested_read_cr4(vmcs12));
+ vmcs_writel(CR4_READ_SHADOW, vmcs12->guest_cr4);
 ...>
 }
