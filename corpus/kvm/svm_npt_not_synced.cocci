// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: VMRUN and #VMEXIT do not make KVM synchronize the nested page tables that L1 has changed
// Noticed by: memory that a hypervisor takes away from its guest stays accessible to it, or the old page stays visible
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_memory/none
// Test: flush_*_npt new_asid_npt
//
// What must hold: an entry of the last level of the nested page table that L1 changes between
// #VMEXIT and VMRUN, with a flush in TLB_CONTROL, is in force in L2 at once: another page, fewer
// rights, or not present.

@@
expression vcpu;
@@
 nested_svm_transition_tlb_flush(...)
 {
 <...
- kvm_make_request(KVM_REQ_MMU_SYNC, vcpu);
 ...>
 }
