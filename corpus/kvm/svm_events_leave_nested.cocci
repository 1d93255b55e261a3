// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_VCPU_EVENTS, which comes after the nested state on restore, makes KVM leave L2
// Noticed by: nested guests die at a migration: restored state is undone by a later step of the restore
// Files: arch/x86/kvm/x86.c
// Reaches: svm_*
// Cases: svm_state/precopy
// Test: registers_from_vmcb
//
// What must hold: a vCPU that is migrated in L2 is in L2 afterwards (as for
// svm_guest_mode_not_saved).

// Meant for SMM that is switched on or off behind the guest's back, and for that only
// ("KVM: x86: Forcibly leave nested virt when SMM state is toggled"). QEMU once had the
// same mistake from the other side: EFER.SVME was set after the nested state, which
// cannot be without it; b16c0e20c742 put it in front.
@@
expression vcpu, was, smm;
@@
 kvm_vcpu_ioctl_x86_set_vcpu_events(...)
 {
 <...
+ kvm_leave_nested(vcpu);
  if (was != smm) {
-	kvm_leave_nested(vcpu);
	...
  }
 ...>
 }
