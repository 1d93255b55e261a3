// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_CLOCK turns the master clock off, and nothing turns it on again
// Noticed by: after a pause the guest's clock is slow to read for ever: each read is a system call
// Files: arch/x86/kvm/x86.c
// Reaches: kvmclock* hyperv_clock svm_time* svm_hyperv* vmx_time_up vmx_hyperv_up
// Cases: kvmclock/pause
// Test: stable_flag_kept

@@
identifier kvm, argp, ka;
expression clock, now;
@@
 kvm_vm_ioctl_set_clock(struct kvm *kvm, void *argp)
 {
 <...
 ka->kvmclock_offset = clock - now;
+ ka->use_master_clock = false;
 ...>
 }
