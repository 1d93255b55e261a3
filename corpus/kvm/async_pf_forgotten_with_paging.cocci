// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM forgets the pages that it is fetching for a CPU when CR0.PG changes, as by an SMI
// Noticed by: tasks of a Linux guest hang for ever if an SMI, as of UEFI firmware, comes in a post-copy migration
// Files: arch/x86/kvm/x86.c
// Reaches: async_pf* smm
// Cases: smm/postcopy async_pf/postcopy
// Test: tokens_outlive_*
//
// What must hold: each page that KVM reports as not present it later reports as ready, once. The KVM of
// this patch is that of Linux before 6.1.160 (commit "KVM: x86: Don't clear async #PF queue when CR0.PG is
// disabled (e.g. on #SMI)").

@@
expression cr0, old_cr0;
identifier vcpu;
@@
 kvm_post_set_cr0(struct kvm_vcpu *vcpu, ...)
 {
 ...
 if ((cr0 ^ old_cr0) & X86_CR0_PG) {
+ kvm_clear_async_pf_completion_queue(vcpu);
+ kvm_async_pf_hash_reset(vcpu);
 ...
 }
 ...
 }
