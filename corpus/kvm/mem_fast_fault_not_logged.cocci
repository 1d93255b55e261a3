// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a page that becomes writable without the MMU lock is not marked dirty
// Noticed by: memory that is written late in a migration is old at the destination
// Files: arch/x86/kvm/mmu/mmu.c
// Reaches: *
// Cases: dirty_up/precopy
// Test: dense staircase
//
// fast_page_fault() removes the write protection that the dirty log needs, so it has to log the
// page itself.
//
// What must hold: the first write to a page after it was sent makes it dirty.

@@
@@
 fast_pf_fix_direct_spte(...)
 {
 ...
- if (is_writable_pte(new_spte) && !is_writable_pte(old_spte))
- 	mark_page_dirty_in_slot(...);
 ...
 }
