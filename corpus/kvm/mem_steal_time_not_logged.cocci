// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM does not mark the page of the steal time dirty when it writes it
// Noticed by: after a migration the steal time of a guest is lower than it was
// Files: arch/x86/kvm/x86.c
// Reaches: dirty*
// Cases: dirty_up/precopy
// Test: kvm_own_pages
//
// What must hold: what KVM has written to a page is there at the destination, too.

@@
@@
 record_steal_time(...)
 {
 <...
- mark_page_dirty_in_slot(...);
+ ;
 ...>
 }

@@
@@
 kvm_steal_time_set_preempted(...)
 {
 <...
- mark_page_dirty_in_slot(...);
 ...>
 }
