// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_KVMCLOCK_CTRL does not set PVCLOCK_GUEST_STOPPED in the clock page
// Noticed by: soft-lockup warnings in Linux guests after every pause
// Files: arch/x86/kvm/x86.c
// Reaches: kvmclock* hyperv_clock svm_time* svm_hyperv* vmx_time_up vmx_hyperv_up
// Cases: kvmclock/pause
// Test: guest_stopped

@@
expression vcpu;
@@
- vcpu->hv_clock.flags |= PVCLOCK_GUEST_STOPPED;
