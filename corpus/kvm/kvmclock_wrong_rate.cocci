// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: tsc_to_system_mul is 0.2 percent too large
// Noticed by: the guest's clock runs fast, and NTP in the guest cannot follow
// Files: arch/x86/kvm/x86.c
// Reaches: kvmclock* hyperv_clock svm_time* svm_hyperv* vmx_time_up vmx_hyperv_up
// Cases: kvmclock/none
// Test: rate_against_*

@@
identifier v;
expression vcpu, khz;
@@
 kvm_guest_time_update(struct kvm_vcpu *v)
 {
 <...
  vcpu->hw_tsc_khz = khz;
+ vcpu->hv_clock.tsc_to_system_mul += vcpu->hv_clock.tsc_to_system_mul / 500;
 ...>
 }
