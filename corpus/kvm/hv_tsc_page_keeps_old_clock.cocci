// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_CLOCK does not make KVM rewrite the reference TSC page
// Noticed by: Windows hangs for minutes after a restore: the page is behind the counter
// Files: arch/x86/kvm/x86.c
// Reaches: hyperv_clock svm_hyperv* vmx_hyperv_up
// Cases: hyperv_clock/pause
// Test: page_fresh_after_move page_across_move agrees_with_kvmclock
//
// Undoes a part of Linux 42dcbe7d8bac, "KVM: x86: hyper-v: Avoid writing to TSC page without an active
// vCPU" (5.18), and of e880c6ea55b9 before it.

@@
identifier kvm, argp;
@@
 kvm_vm_ioctl_set_clock(struct kvm *kvm, void *argp)
 {
 <...
- kvm_hv_request_tsc_page_update(kvm);
 ...>
 }
