// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a one-shot APIC timer that is restored with a current count of 0 runs for its whole time again
// Noticed by: guests freeze after a restore until a long timer has run out for the second time
// Files: arch/x86/kvm/lapic.c
// Reaches: timers* svm_time* vmx_time* svm_event*
// Cases: timers/precopy
// Test: oneshot_due_in_downtime
//
// Undoes Linux 8e6ed96cdd50, "KVM: x86: fire timer when it is migrated and expired, and in oneshot
// mode" (6.3). 9cfec6d097c6 (6.7) fixed what that missed.

@@
identifier apic, count_reg;
expression deadline;
@@
 set_target_expiration(struct kvm_lapic *apic, u32 count_reg)
 {
 <...
- if (apic_lvtt_period(apic))
  deadline = apic->lapic_timer.period;
- else
-	deadline = 0;
 ...>
 }
