// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a TSC deadline that user space restores is stored, but its timer is not started
// Noticed by: Linux guests stand still after a migration: their next timer interrupt never comes
// Files: arch/x86/kvm/x86.c
// Reaches: timers* svm_time* vmx_time* selftest
// Cases: timers/precopy
// Test: deadline_due_in_downtime
//
// KVM loses only deadlines that have passed already. These are rare: a deadline that is armed again
// and again is mostly in the future.

@@
identifier vcpu, msr_info;
expression data;
@@
 kvm_set_msr_common(struct kvm_vcpu *vcpu, struct msr_data *msr_info)
 {
 <...
- kvm_set_lapic_tscdeadline_msr(vcpu, data);
+ if (!msr_info->host_initiated)
+	kvm_set_lapic_tscdeadline_msr(vcpu, data);
 ...>
 }
