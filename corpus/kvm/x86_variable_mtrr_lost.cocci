// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_MSRS ignores the variable MTRRs
// Noticed by: a guest with an assigned device has wrong memory types after a migration
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: registers/precopy
// Test: msrs
//
// What must hold: MTRRphysBase and MTRRphysMask are the same before and after.

@@
expression msr, data;
identifier vcpu, info;
@@
 kvm_set_msr_common(struct kvm_vcpu *vcpu, struct msr_data *info)
 {
 <...
- return kvm_mtrr_set_msr(vcpu, msr, data);
+ if (info->host_initiated && msr >= 0x200 && msr < 0x210)
+	return 0;
+ return kvm_mtrr_set_msr(vcpu, msr, data);
 ...>
 }
