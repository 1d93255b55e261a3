// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a guest's write to IA32_TSC_ADJUST changes its TSC, and KVM does not rewrite its clock page
// Noticed by: system time leaps after a vCPU was hotplugged, when Linux synchronizes its TSC
// Files: arch/x86/kvm/x86.c
// Reaches: kvmclock* hyperv_clock svm_time* vmx_time_up
// Cases: kvmclock/none
// Test: tsc_adjusted*
//
// Undoes Linux d9130a2dfdd4, "KVM: x86: Update vCPU's hv_clock before back to guest when tsc_offset
// is adjusted" (5.15).

@@
identifier vcpu;
expression adj;
@@
 kvm_set_msr_common(struct kvm_vcpu *vcpu, ...)
 {
 <...
 adjust_tsc_offset_guest(vcpu, adj);
- kvm_make_request(KVM_REQ_CLOCK_UPDATE, vcpu);
 ...>
 }
