// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_CLOCK sets the guest's clock half a second too early
// Noticed by: CLOCK_MONOTONIC goes back after a migration; time-outs and databases go wrong
// Files: arch/x86/kvm/x86.c
// Reaches: kvmclock* hyperv_clock svm_time* svm_hyperv* vmx_time_up vmx_hyperv_up
// Cases: kvmclock/precopy
// Test: moved_* monotonic_* rate_against_host
//
// The step is so large that the downtime of a migration cannot hide it, not even in a lab on a busy machine.

@@
identifier kvm, argp;
expression clock, now;
@@
 kvm_vm_ioctl_set_clock(struct kvm *kvm, void *argp)
 {
 <...
- ka->kvmclock_offset = clock - now;
+ ka->kvmclock_offset = clock - now - 500000000;
 ...>
 }
