// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_DEBUGREGS does not set DR6 of a vCPU that is in L2
// Noticed by: a debugger in a nested guest loses the reason of a breakpoint that hits during a migration
// Files: arch/x86/kvm/x86.c
// Reaches: svm_*
// Cases: svm_state/precopy
// Test: registers_from_vmcb registers_written_in_l2
//
// What must hold: DR6 as L2 reads it is the same before and after a migration, and so is
// DR6 in the VMCB at the next #VMEXIT.

@@
identifier vcpu, regs;
@@
 kvm_vcpu_ioctl_x86_set_debugregs(struct kvm_vcpu *vcpu, struct kvm_debugregs *regs)
 {
 <...
- vcpu->arch.dr6 = regs->dr6;
+ if (!is_guest_mode(vcpu))
+	vcpu->arch.dr6 = regs->dr6;
 ...>
 }
