// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM does not mark kvmclock's page dirty when it writes it
// Noticed by: the guest's other data in that page is old after a migration, if nobody else wrote to the page
// Files: arch/x86/kvm/x86.c
// Reaches: dirty*
// Cases: dirty_up/precopy
// Test: kvm_own_pages
//
// What must hold: what KVM has written to a page is there at the destination, too.

@@
@@
 kvm_setup_guest_pvclock(...)
 {
 <...
- mark_page_dirty_in_slot(...);
 ...>
 }
