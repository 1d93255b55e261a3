// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: writes by KVM itself to the guest's memory are not marked dirty
// Noticed by: data that a guest has read from a port by INS, and interrupt frames, are lost in a migration
// Files: virt/kvm/kvm_main.c
// Reaches: *
// Cases: dirty_up/precopy
// Test: emulated kvm_own_pages
//
// What must hold: a write of KVM's emulator is at the destination like one of the CPU.

@@
@@
 __kvm_write_guest_page(...)
 {
 <...
- mark_page_dirty_in_slot(...);
 ...>
 }
