// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a periodic Hyper-V timer that was late starts its next period from now
// Noticed by: Windows' clock, which counts timer interrupts, falls behind under load
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_stimer/none
// Test: periodic busy_slot_periodic

@@
identifier stimer;
expression now, count, remainder;
@@
 stimer_start(struct kvm_vcpu_hv_stimer *stimer)
 {
 <...
- now + (count - remainder)
+ now + count
 ...>
 }
