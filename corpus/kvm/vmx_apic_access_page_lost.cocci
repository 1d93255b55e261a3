// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore KVM does not recognize L2's accesses to its APIC-access page
// Noticed by: after a migration a nested guest talks to plain memory where its APIC was, and gets no interrupts
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_apic_up/precopy
// Test: apic_accesses
//
// What must hold: an access of L2 to the APIC-access page exits after a migration in L2, too.

@@
identifier vcpu;
@@
 vmx_get_nested_state_pages(struct kvm_vcpu *vcpu)
 {
 ...
  if (is_guest_mode(vcpu) && !nested_get_vmcs12_pages(vcpu))
	return false;
+ if (is_guest_mode(vcpu))
+	secondary_exec_controls_clearbit(to_vmx(vcpu), SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES);
 ...
 }
