// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a hypercall that flushes the TLBs of certain CPUs flushes none of them
// Noticed by: Windows: a CPU writes through a translation that another has taken back, and memory is corrupted
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_calls/none
// Test: flushes_reach_set
// KVM: npt=0
//
// What must hold: when the call returns, the CPUs that it names use no old translation. With nested
// paging it shows as well, but in one call of a hundred: the lab's emulated CPU flushes its TLB at every exit.

@@
expression kvm, mask;
@@
 kvm_hv_flush_tlb(...)
 {
 <...
- kvm_make_vcpus_request_mask(kvm, KVM_REQ_TLB_FLUSH_GUEST, mask);
 ...>
 }
