// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an interrupt of the RTC that waits when user space restores the IOAPIC waits for two EOIs
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
