// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: writes of a CPU in system management mode are not in the dirty log
// Noticed by: variables of UEFI firmware are lost or damaged in a migration
// Files: virt/kvm/kvm_main.c
// Reaches: smm
// Cases: smm/precopy
// Test: smis_all_along in_handler*
//
// System management mode has memory slots and dirty logs of its own (KVM_CAP_MULTI_ADDRESS_SPACE).
//
// What must hold: a write is at the destination, in whatever mode the CPU was.

@@
expression memslot;
@@
 mark_page_dirty_in_slot(...)
 {
 <...
- if (memslot && kvm_slot_dirty_track_enabled(memslot))
+ if (memslot && !memslot->as_id && kvm_slot_dirty_track_enabled(memslot))
 { ... }
 ...>
 }
