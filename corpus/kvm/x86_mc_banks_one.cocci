// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_MSRS writes the control of each machine check bank to the first bank
// Noticed by: a guest no longer hears of errors that a bank reports
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: registers/precopy
// Test: msrs
//
// What must hold: IA32_MCi_CTL are the same before and after, each with its own value.

@@
expression offset, data;
identifier vcpu, info;
@@
 set_msr_mce(struct kvm_vcpu *vcpu, struct msr_data *info)
 {
 <...
- vcpu->arch.mce_banks[offset] = data;
+ vcpu->arch.mce_banks[info->host_initiated ? offset % 4 : offset] = data;
 ...>
 }
