// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM does not rewrite a reference TSC page that user space restores
// Noticed by: after a migration Windows' clock is off, by the error of the restored TSC
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_clock/precopy
// Test: page_fresh_after_move page_across_move page_stays_valid

@@
identifier vcpu, msr, data, host;
expression hv;
@@
 kvm_hv_set_msr_pw(struct kvm_vcpu *vcpu, u32 msr, u64 data, bool host)
 {
 <...
- if (!host)
-	hv->hv_tsc_page_status = HV_TSC_PAGE_GUEST_CHANGED;
- else
-	hv->hv_tsc_page_status = HV_TSC_PAGE_HOST_CHANGED;
+ hv->hv_tsc_page_status = host ? HV_TSC_PAGE_BROKEN : HV_TSC_PAGE_GUEST_CHANGED;
 ...>
 }
