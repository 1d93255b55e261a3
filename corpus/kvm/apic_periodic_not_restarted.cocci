// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a periodic APIC timer is not started when user space restores it
// Noticed by: guests that count timer interrupts stand still after a migration
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
- __start_apic_timer(apic, APIC_TMCCT);
+ if (!apic_lvtt_period(apic))
+	__start_apic_timer(apic, APIC_TMCCT);
 ...>
 }
