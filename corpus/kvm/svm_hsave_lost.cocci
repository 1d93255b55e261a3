// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM does not take VM_HSAVE_PA from user space
// Noticed by: VMRUN raises #GP after a migration, and the hypervisor can start no guest any more
// Files: arch/x86/kvm/svm/svm.c
// Cases: svm_state/precopy
// Test: svm_registers
//
// What must hold: VM_HSAVE_PA reads the same before and after a migration, and VMRUN still
// works.

@@
identifier vcpu, msr, svm;
expression value;
@@
 svm_set_msr(struct kvm_vcpu *vcpu, struct msr_data *msr)
 {
 <...
- svm->nested.hsave_msr = value;
+ if (!msr->host_initiated)
+	svm->nested.hsave_msr = value;
 ...>
 }
