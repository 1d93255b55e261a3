// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a page of the guest that KVM has mapped and written is not marked dirty
// Noticed by: an L1 loses the state of its L2, or what it saved with VMSAVE, in a migration
// Files: virt/kvm/kvm_main.c
// Reaches: svm_* vmx_*
// Cases: svm_state_up/precopy
// Test: vmcb_written_by_exits_alone
//
// Nested SVM writes the VMCB of L1 in this way at each #VMEXIT and VMSAVE.
//
// What must hold: the data that #VMEXIT has written is at the destination.

@@
identifier dirty;
@@
 kvm_vcpu_unmap(struct kvm_vcpu *vcpu, struct kvm_host_map *map, bool dirty)
 {
 <...
- if (dirty)
- 	kvm_vcpu_mark_page_dirty(vcpu, map->gfn);
 ...>
 }
