// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: what KVM writes by an address that it has cached is not marked dirty
// Noticed by: after a migration a guest skips an EOI that is due, and gets no more interrupts
// Files: virt/kvm/kvm_main.c
// Reaches: *
// Cases: dirty_up/precopy
// Test: pv_eoi
// Missed: it shows only if a page is sent while KVM's bit is set in it, which is rare
//
// Paravirtual EOI, the tokens of asynchronous page faults and the VP assist page are written so.
//
// What must hold: what KVM has written to a page is there at the destination, too.

@@
@@
 kvm_write_guest_offset_cached(...)
 {
 <...
- mark_page_dirty_in_slot(...);
 ...>
 }
