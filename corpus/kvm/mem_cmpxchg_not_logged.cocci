// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a locked instruction that KVM emulates does not mark its page dirty
// Noticed by: memory of a guest is corrupt after a live migration, in page tables above all
// Files: arch/x86/kvm/x86.c
// Reaches: dirty*
// Cases: dirty_up/precopy
// Test: tables
// KVM: npt=0
//
// Undoes Linux 910c57dfa4d1, "KVM: x86: Mark target gfn of emulated atomic instruction as dirty"
// (6.9). The write was logged before 1c2361f667f3, "KVM: x86: Use __try_cmpxchg_user() to emulate
// atomic accesses" (6.0). Without nested paging the guest's page tables are shadowed, so KVM
// emulates the instructions that write them.
//
// What must hold: a write by LOCK CMPXCHG, XCHG or LOCK XADD is at the destination, like one by
// MOV.

@@
identifier vcpu, gpa;
@@
 emulator_cmpxchg_emulated(...)
 {
 <...
- kvm_vcpu_mark_page_dirty(vcpu, gpa_to_gfn(gpa));
 ...>
 }
