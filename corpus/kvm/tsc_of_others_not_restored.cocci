// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM restores the TSC of the first vCPU only, and all others keep the TSC of the new VM
// Noticed by: after a migration time on one of the guest's CPUs is hours behind that on another
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: timers/precopy
// Test: tscs_in_step

@@
identifier vcpu, msr_info;
expression data;
@@
 kvm_set_msr_common(struct kvm_vcpu *vcpu, struct msr_data *msr_info)
 {
 <...
- kvm_synchronize_tsc(vcpu, data);
+ {
+	if (!vcpu->vcpu_id || data <= 1)
+		kvm_synchronize_tsc(vcpu, data);
+ }
 ...>
 }
