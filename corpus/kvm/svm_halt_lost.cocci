// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a vCPU that is halted in L2 is saved as running
// Noticed by: a parked CPU of a nested guest goes on after its HLT after a migration, although nothing woke it
// Files: arch/x86/kvm/x86.c
// Reaches: svm_*
// Cases: svm_event/precopy
// Test: halt_intr_exit halt_intr_taken
//
// What must hold: an L2 that is migrated in HLT (not intercepted) stays halted; the next
// interrupt, and nothing else, lets it go on.

@@
identifier vcpu, state;
@@
 kvm_arch_vcpu_ioctl_get_mpstate(struct kvm_vcpu *vcpu, struct kvm_mp_state *state)
 {
 <...
- state->mp_state = vcpu->arch.mp_state;
+ state->mp_state = is_guest_mode(vcpu) ? KVM_MP_STATE_RUNNABLE : vcpu->arch.mp_state;
 ...>
 }
