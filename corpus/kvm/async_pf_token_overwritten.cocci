// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the token of a page that is ready overwrites one that the guest has not read yet
// Noticed by: tasks of a Linux guest hang for ever after a post-copy migration, or when the host has swapped
// Files: arch/x86/kvm/x86.c
// Reaches: async_pf*
// Cases: async_pf/postcopy
// Test: every_token_comes_back
//
// What must hold: each page that KVM reports as not present it later reports as ready, once.

@@
identifier vcpu;
@@
 kvm_arch_can_dequeue_async_page_present(struct kvm_vcpu *vcpu)
 {
 <...
- kvm_lapic_enabled(vcpu) && apf_pageready_slot_free(vcpu)
+ kvm_lapic_enabled(vcpu)
 ...>
 }
