// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: if an interrupt of the RTC is pending when user space restores the IOAPIC, KVM expects two EOIs for it
// Noticed by: Windows loses its RTC tick after a migration
// Files: arch/x86/kvm/ioapic.c
// Reaches: timers*
// Cases: timers/precopy
// Test: rtc_*

@@
identifier vcpu;
expression ioapic;
@@
 __rtc_irq_eoi_tracking_restore_one(struct kvm_vcpu *vcpu)
 {
 <...
- ioapic->rtc_status.pending_eoi++;
+ ioapic->rtc_status.pending_eoi += 2;
 ...>
 }
