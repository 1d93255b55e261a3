// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_DEBUGREGS sets what the guest reads in DR7, and not what the CPU gets
// Noticed by: breakpoints of a debugger in the guest stop nothing after a migration
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: registers/precopy
// Test: effects
// Host: intel
//
// Undoes a part of Linux c77fb5fe6f03, "KVM: x86: Allow the guest to run with dirty debug registers".
//
// What must hold: breakpoints that are enabled stop the CPU.

@@
expression vcpu;
@@
 kvm_vcpu_ioctl_x86_set_debugregs(...)
 {
 <...
- kvm_update_dr7(vcpu);
 ...>
 }
