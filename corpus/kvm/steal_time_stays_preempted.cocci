// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM tells the guest for ever that a vCPU is preempted, once it was
// Noticed by: spinning CPUs of the guest yield to a CPU that runs, and TLB flushes are deferred
// Files: arch/x86/kvm/x86.c
// Reaches: kvmclock* dirty*
// Cases: kvmclock/none
// Test: steal_time_goes_on

@@
identifier st_preempted;
@@
 record_steal_time(...)
 {
 <...
- u8 st_preempted = 0;
+ u8 st_preempted = KVM_VCPU_PREEMPTED;
 ...>
 }
