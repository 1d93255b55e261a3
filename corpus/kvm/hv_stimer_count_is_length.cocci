// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a one-shot Hyper-V timer expires after its count has passed, and not at the time that the count names
// Noticed by: Windows guests that are minutes old stand still for minutes
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_stimer/none
// Test: *oneshot_due_in_downtime

@@
identifier stimer, time_now;
expression ktime_now;
@@
 stimer_start(struct kvm_vcpu_hv_stimer *stimer)
 {
 <...
- stimer_add_delta(ktime_now, stimer->count - time_now)
+ stimer_add_delta(ktime_now, stimer->count)
 ...>
 }
