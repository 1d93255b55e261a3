// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_DEBUGREGS does not set DR7
// Noticed by: watchpoints of a debugger in the guest are not hit after a migration
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: registers/precopy
// Test: control
//
// What must hold: DR7 is the same before and after.

@@
identifier vcpu, regs;
@@
 kvm_vcpu_ioctl_x86_set_debugregs(struct kvm_vcpu *vcpu, struct kvm_debugregs *regs)
 {
 <...
- vcpu->arch.dr7 = regs->dr7;
 ...>
 }
