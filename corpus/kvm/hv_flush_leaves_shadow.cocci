// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: Hyper-V's TLB flushes flush the hardware's TLB, but leave KVM's shadow page tables as they are
// Noticed by: Windows on a host without nested paging: memory is corrupted after a translation was taken back
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_calls/none
// Test: flushes_reach_set
// KVM: npt=0
//
// What must hold: when the call returns, the CPUs that it names use no old translation. Without nested paging
// a flush that a guest asks for must also bring unsynchronised shadow pages up to date.

@@
@@
 kvm_hv_flush_tlb(...)
 {
 <...
- KVM_REQ_TLB_FLUSH_GUEST
+ KVM_REQ_TLB_FLUSH_CURRENT
 ...>
 }
