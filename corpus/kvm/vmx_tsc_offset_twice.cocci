// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: for a vCPU in L2 KVM saves L2's TSC and restores it as L1's
// Noticed by: after a migration the clocks of a hypervisor guest and of its guests jump, by the difference of the two TSCs
// Files: arch/x86/kvm/x86.c
// Reaches: vmx_*
// Cases: vmx_time_up/precopy
// Test: tsc_offset
//
// What must hold: L1's TSC goes on after a migration in L2 as if there was no TSC offset, and
// L2's differs from it by the offset.

// KVM was so until "kvm: x86: return L1 TSC on userspace reads" of 2020.
@@
identifier vcpu, msr, offset, ratio;
@@
 kvm_get_msr_common(struct kvm_vcpu *vcpu, struct msr_data *msr)
 {
 <...
- if (msr->host_initiated) {
-	offset = vcpu->arch.l1_tsc_offset;
-	ratio = vcpu->arch.l1_tsc_scaling_ratio;
- } else {
	offset = vcpu->arch.tsc_offset;
	ratio = vcpu->arch.tsc_scaling_ratio;
- }
 ...>
 }
