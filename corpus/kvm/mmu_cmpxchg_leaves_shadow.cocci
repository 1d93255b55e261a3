// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a locked instruction on a shadowed page table changes the table and not its shadow
// Noticed by: a process of the guest reads or writes memory that was another's
// Files: arch/x86/kvm/x86.c
// Reaches: dirty*
// Cases: dirty_up/none
// Test: tables
// KVM: npt=0
//
// What must hold: after INVLPG an access goes where the page tables say.

@@
@@
 emulator_cmpxchg_emulated(...)
 {
 <...
- kvm_page_track_write(...);
 ...>
 }
