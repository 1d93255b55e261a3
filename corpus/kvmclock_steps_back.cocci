// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_CLOCK sets the guest's clock 50 ms too early
// Noticed by: CLOCK_MONOTONIC goes back after a migration; time-outs and databases go wrong
// Files: arch/x86/kvm/x86.c
// Cases: kvmclock/precopy
// Test: *

@@
identifier kvm, argp;
expression clock, now;
@@
 kvm_vm_ioctl_set_clock(struct kvm *kvm, void *argp)
 {
 <...
- ka->kvmclock_offset = clock - now;
+ ka->kvmclock_offset = clock - now - 50000000;
 ...>
 }
