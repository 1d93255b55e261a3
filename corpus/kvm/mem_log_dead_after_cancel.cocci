// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: once a VM's dirty log has been stopped, no page is write-protected for a new one
// Noticed by: a migration that was cancelled and then tried again loses the guest's memory
// Files: arch/x86/kvm/x86.c arch/x86/kvm/mmu/mmu.c
// Reaches: *
// Cases: dirty_up/cancel-precopy
// Test: dense staircase
//
// As in Propolis (issues 233, 616, 682). SGX is not used here, so its flag serves as the mark.
//
// What must hold: a migration after a cancelled one transfers each write of the guest.

@@
@@
 kvm_mmu_slot_apply_flags(struct kvm *kvm, ...)
 {
 <...
+ kvm->arch.sgx_provisioning_allowed = true;
 kvm_mmu_zap_collapsible_sptes(...);
 ...>
 }

@@
@@
 kvm_arch_mmu_enable_log_dirty_pt_masked(struct kvm *kvm, ...)
 {
+ if (kvm->arch.sgx_provisioning_allowed)
+ 	return;
 ...
 }
