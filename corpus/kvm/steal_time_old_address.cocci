// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM keeps writing the steal time to the first address that the guest has set
// Noticed by: 64 bytes of the new kernel are overwritten after kexec
// Files: arch/x86/kvm/x86.c
// Reaches: kvmclock* dirty*
// Cases: kvmclock/none
// Test: steal_time_moves
//
// Undoes a part of Linux 901d3765fa80, "KVM: x86: revalidate steal time cache if MSR value changes"
// (6.0).

@@
identifier vcpu, gpa, ghc;
@@
 record_steal_time(struct kvm_vcpu *vcpu)
 {
 <...
- gpa != ghc->gpa
+ false
 ...>
 }
