// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_GET_SREGS says that CR2 is 0 while the vCPU is in L2
// Noticed by: a process in a nested guest gets SIGSEGV at address 0 if a migration comes in the middle of its page fault
// Files: arch/x86/kvm/x86.c
// Reaches: svm_*
// Cases: svm_state/precopy
// Test: registers_from_vmcb registers_written_in_l2
//
// What must hold: CR2 as L2 reads it is the same before and after a migration, and so is
// CR2 in the VMCB at the next #VMEXIT.

@@
identifier vcpu, sregs;
@@
 __get_sregs_common(struct kvm_vcpu *vcpu, struct kvm_sregs *sregs)
 {
 <...
- sregs->cr2 = vcpu->arch.cr2;
+ sregs->cr2 = is_guest_mode(vcpu) ? 0 : vcpu->arch.cr2;
 ...>
 }
