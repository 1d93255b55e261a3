// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the last of each 64 pages is not write-protected again when the dirty log is cleared
// Noticed by: one page in 64 is old after a migration, if it was written more than once
// Files: arch/x86/kvm/mmu/mmu.c
// Reaches: *
// Cases: dirty_up/precopy
// Test: staircase two_mappings flood
//
// This is plausible: KVM clears the log in words of 64 bits, and cuts the mask at the slot's end.
//
// What must hold: every page of a slot is logged.

@@
identifier mask;
@@
 kvm_arch_mmu_enable_log_dirty_pt_masked(struct kvm *kvm, struct kvm_memory_slot *slot, gfn_t gfn_offset, unsigned long mask)
 {
+ mask &= ~(1ul << 63);
+ if (!mask)
+ 	return;
 ...
 }
