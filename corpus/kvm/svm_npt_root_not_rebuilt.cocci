// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore L2 runs on the page tables of L1, and not on the nested page tables that L1 gave to it
// Noticed by: a nested guest reads and writes memory of its hypervisor after a migration, and crashes
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_memory/precopy
// Test: npt_first_*
//
// What must hold: with nested paging an address of L2 means the same page before and
// after a migration, as the nested page table says; an access that the table forbids still
// ends in #VMEXIT(NPF).

@@
identifier vcpu, user, state;
@@
 svm_set_nested_state(struct kvm_vcpu *vcpu, struct kvm_nested_state *user,
		      struct kvm_nested_state *state)
 {
 <...
  nested_vmcb02_prepare_control(...);
+ nested_svm_uninit_mmu_context(vcpu);
 ...>
 }
