// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a restored APIC timer counts with another divider than the restored one
// Noticed by: timer interrupts come at half of their rate after a migration, until the guest sets it
// Files: arch/x86/kvm/lapic.c
// Reaches: timers* svm_time* vmx_time* svm_event*
// Cases: timers/precopy
// Test: periodic_*

@@
identifier vcpu, s;
expression apic;
@@
 kvm_apic_set_state(struct kvm_vcpu *vcpu, struct kvm_lapic_state *s)
 {
 <...
- update_divide_count(apic);
+ apic->divide_count = 2;
 ...>
 }
