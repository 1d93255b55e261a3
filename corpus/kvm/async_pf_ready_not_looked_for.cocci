// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after the guest's acknowledgement KVM does not check for more pages that are ready
// Noticed by: tasks of a Linux guest wait much too long for their pages after a post-copy migration, or for ever
// Files: arch/x86/kvm/x86.c
// Reaches: async_pf*
// Cases: async_pf/postcopy
// Test: every_token_comes_back
//
// What must hold: a write to MSR_KVM_ASYNC_PF_ACK makes KVM report the next page that is ready.

@@
expression vcpu;
@@
 kvm_set_msr_common(...)
 {
 <...
  vcpu->arch.apf.pageready_pending = false;
- kvm_check_async_pf_completion(vcpu);
 ...>
 }
