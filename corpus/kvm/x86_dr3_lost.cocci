// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_DEBUGREGS sets DR0 to DR2 only
// Noticed by: the fourth watchpoint of a debugger in the guest is not hit after a migration
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: registers/precopy
// Test: control
//
// What must hold: DR0 to DR3 are the same before and after.

@@
identifier vcpu, regs;
@@
 kvm_vcpu_ioctl_x86_set_debugregs(struct kvm_vcpu *vcpu, struct kvm_debugregs *regs)
 {
 <...
- memcpy(vcpu->arch.db, regs->db, sizeof(vcpu->arch.db));
+ memcpy(vcpu->arch.db, regs->db, 3 * sizeof(vcpu->arch.db[0]));
 ...>
 }
