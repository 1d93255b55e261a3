// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the control area of a running L2 is read from the VMCB in guest memory on restore, not from the saved state
// Noticed by: nested guests get an event a second time after a migration, since the VMCB in memory still asks for it
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_state/precopy
// Test: vmcb_changed_while_l2_runs
//
// What must hold: the values that VMRUN has read from the control area stay in force until #VMEXIT,
// across a migration too: an event that was injected (EVENTINJ, V_IRQ) and taken before the
// migration is not taken again after it, and bytes that are changed in the VMCB in memory while L2
// runs change nothing.

@@
identifier vcpu, user, state;
expression to, ctl;
@@
 svm_set_nested_state(struct kvm_vcpu *vcpu, struct kvm_nested_state *user,
		      struct kvm_nested_state *state)
 {
 <...
+ kvm_vcpu_read_guest(vcpu, state->hdr.svm.vmcb_pa, ctl, sizeof(*ctl));
  nested_copy_vmcb_control_to_cache(to, ctl);
 ...>
 }
