// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM writes the time for which the vCPU's thread has waited, and does not add it to the value that was there
// Noticed by: a guest's steal time goes back in a migration, and its CPU usage leaps
// Files: arch/x86/kvm/x86.c
// Reaches: kvmclock* dirty*
// Cases: kvmclock/precopy
// Test: steal_time_goes_on

@@
identifier vcpu, steal;
expression E;
@@
 record_steal_time(struct kvm_vcpu *vcpu)
 {
 <...
- steal += E - vcpu->arch.st.last_steal;
+ steal = E;
 ...>
 }
