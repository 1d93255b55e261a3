// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the saved nested state does not say that the vCPU is in guest mode
// Noticed by: after a migration the nested guest runs on with the rights of its hypervisor, which never gets the CPU back
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_state/precopy
// Test: registers_from_vmcb
//
// What must hold: a vCPU that is migrated in L2 is in L2 afterwards: events that L1 intercepts
// still cause a #VMEXIT to L1, and L1 goes on after its VMRUN.

@@
expression state, pending;
@@
 svm_get_nested_state(...)
 {
 <...
- state.flags |= KVM_STATE_NESTED_GUEST_MODE;
- if (pending)
-	state.flags |= KVM_STATE_NESTED_RUN_PENDING;
 ...>
 }
