// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore L2 owns bits of CR0 that belong to L1
// Noticed by: a nested guest sets and clears CR0.TS and others after a migration without an exit to its hypervisor
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_exit_up/precopy
// Test: cr_masks
//
// What must hold: a write of L2 that would change a bit of CR0 that is in the mask exits
// after a migration in L2, too, and L2 reads such bits from the shadow.

@@
expression vcpu, vmcs12;
@@
 prepare_vmcs02(...)
 {
 <...
- vcpu->arch.cr0_guest_owned_bits &= ~vmcs12->cr0_guest_host_mask;
+ if (to_vmx(vcpu)->nested.nested_run_pending)
+	vcpu->arch.cr0_guest_owned_bits &= ~vmcs12->cr0_guest_host_mask;
 ...>
 }
