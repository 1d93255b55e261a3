// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a reference TSC page stays invalid when KVM rewrites it after the host has set the clock
// Noticed by: after a pause Windows reads its clock by an MSR, some hundred times slower, for ever
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_clock/pause
// Test: page_stays_valid

@@
identifier kvm, hv_clock, tsc_seq;
expression hv;
@@
 kvm_hv_setup_tsc_page(struct kvm *kvm, struct pvclock_vcpu_time_info *hv_clock)
 {
 <...
- hv->tsc_ref.tsc_sequence = tsc_seq;
+ hv->tsc_ref.tsc_sequence = hv->hv_tsc_page_status == HV_TSC_PAGE_HOST_CHANGED ? 0 : tsc_seq;
 ...>
 }
