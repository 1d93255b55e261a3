// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the saved nested state does not say that the vCPU is in VMX non-root operation
// Noticed by: after a migration the nested guest runs on with the rights of its hypervisor, which never gets the CPU back
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/precopy
// Test: segments
//
// What must hold: a vCPU that is migrated in L2 is in L2 afterwards: what L1 intercepts still
// exits, and L1 goes on at the RIP of the host state.

@@
expression vcpu;
identifier state;
@@
 vmx_get_nested_state(...)
 {
 <...
- if (is_guest_mode(vcpu)) {
-	state.flags |= KVM_STATE_NESTED_GUEST_MODE;
-	...
- }
 ...>
 }
