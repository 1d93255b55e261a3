// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the clock page that user space registers for a vCPU other than the first is never written
// Noticed by: after a migration the clocks of the guest's CPUs drift apart, and stop on some CPUs
// Files: arch/x86/kvm/x86.c
// Reaches: kvmclock* hyperv_clock svm_time* svm_hyperv* vmx_time_up vmx_hyperv_up
// Cases: kvmclock/precopy
// Test: moved_page_rewritten moved_new

@@
identifier vcpu, system_time, old_msr, host_initiated;
@@
 kvm_write_system_time(struct kvm_vcpu *vcpu, gpa_t system_time, bool old_msr, bool host_initiated)
 {
 ...
- if (system_time & 1)
+ if ((system_time & 1) && !(host_initiated && vcpu->vcpu_id))
 { ... }
 else
 { ... }
 ...
 }
