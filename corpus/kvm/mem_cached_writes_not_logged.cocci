// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: writes by KVM through a cached address are not marked dirty
// Noticed by: after a migration a guest skips an EOI that is due, and gets no more interrupts
// Files: virt/kvm/kvm_main.c
// Reaches: *
// Cases: dirty_up/precopy
// Test: pv_eoi
// Missed: it shows only if a page is sent while a bit is set that KVM has written to it, which is rare
//
// KVM writes paravirtual EOI, the tokens of asynchronous page faults and the VP assist page this
// way.
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
