// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM tells the guest that no EOI is required although another interrupt waits behind this one
// Noticed by: a guest whose interrupt comes late, at the next exit, which may be milliseconds away
// Files: arch/x86/kvm/lapic.c
// Reaches: *
// Cases: hyperv_calls/none
// Test: eoi_assist_lower_waits
//
// What must hold: "No EOI required" is set only if no interrupt of lower priority is pending (TLFS, "EOI Assist").

@@
identifier apic;
expression a, b, c;
@@
 apic_sync_pv_eoi_to_guest(...)
 {
 <...
- a || apic->irr_pending || b || c
+ a || b || c
 ...>
 }
