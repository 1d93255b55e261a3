// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_GET_VCPU_EVENTS says that NMIs are not blocked while the vCPU is in L2
// Noticed by: an NMI interrupts the NMI handler of a nested guest after a migration, and destroys its stack
// Files: arch/x86/kvm/svm/svm.c
// Cases: svm_event/precopy
// Test: nmi_blocked_in_l2
//
// What must hold: an L2 (NMIs not intercepted) that is migrated in its NMI handler takes
// the next NMI only after IRET.

@@
identifier vcpu;
expression masked;
@@
 svm_get_nmi_mask(struct kvm_vcpu *vcpu)
 {
 <...
- return masked;
+ return !is_guest_mode(vcpu) && masked;
 ...>
 }
