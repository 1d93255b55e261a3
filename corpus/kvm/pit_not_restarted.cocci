// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the PIT is not started when user space restores it
// Noticed by: guests that use the PIT for their ticks hang after a migration
// Files: arch/x86/kvm/x86.c
// Reaches: timers*
// Cases: timers/precopy
// Test: pit_*

@@
identifier kvm, ps;
expression a, b, c, d;
@@
 kvm_vm_ioctl_set_pit2(struct kvm *kvm, struct kvm_pit_state2 *ps)
 {
 <...
- kvm_pit_load_count(a, b, c, d);
 ...>
 }
