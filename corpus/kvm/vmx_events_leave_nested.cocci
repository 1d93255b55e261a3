// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_VCPU_EVENTS, which comes after the nested state on restore, makes KVM leave VMX operation
// Noticed by: nested guests die at a migration: restored state is undone by a later step of the restore
// Files: arch/x86/kvm/x86.c
// Reaches: vmx_*
// Cases: vmx_state_up/precopy
// Test: launched
//
// What must hold: a CPU that has executed VMXON is in VMX operation after a migration, with its
// current VMCS (as for vmx_operation_lost and vmx_guest_mode_not_saved).

// The same as svm_events_leave_nested, which says more. VMX has no EFER bit that must
// come first, and free_nested() forgets VMX operation, too.
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
