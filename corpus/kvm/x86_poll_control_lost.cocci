// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_MSRS ignores MSR_KVM_POLL_CONTROL
// Noticed by: after a migration the host polls for a guest that polls itself
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: registers/precopy
// Test: msrs
//
// What must hold: MSR_KVM_POLL_CONTROL is the same before and after.

@@
expression value;
identifier vcpu, info;
@@
 kvm_set_msr_common(struct kvm_vcpu *vcpu, struct msr_data *info)
 {
 <...
- vcpu->arch.msr_kvm_poll_control = value;
+ if (!info->host_initiated)
+	vcpu->arch.msr_kvm_poll_control = value;
 ...>
 }
