// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a pending NMI is not saved, such as one that is held back until STGI
// Noticed by: watchdogs and crash dumps of hypervisor guests, which rely on NMIs, fail after a migration
// Files: arch/x86/kvm/x86.c
// Reaches: selftest svm_*
// Cases: svm_event/precopy
// Test: nmi_blocked_in_l2 gif_holds_events
//
// What must hold: an NMI that comes while GIF is clear, or in the handler of another
// NMI, is taken after STGI or IRET, once, although the migration was in between.

@@
expression events, waits;
@@
 kvm_vcpu_ioctl_x86_get_vcpu_events(...)
 {
 <...
- events->nmi.pending = waits;
+ events->nmi.pending = 0;
 ...>
 }
