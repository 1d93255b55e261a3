// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_MP_STATE takes a CPU that waits for a SIPI for one that was never started
// Noticed by: a guest that is migrated while it brings up a CPU never gets this CPU
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: modes/precopy
// Test: wait_for_sipi
//
// What must hold: A CPU that waits for a SIPI starts when the SIPI comes.

@@
identifier vcpu, state;
@@
 kvm_arch_vcpu_ioctl_set_mpstate(struct kvm_vcpu *vcpu, struct kvm_mp_state *state)
 {
 <...
- vcpu->arch.mp_state = state->mp_state;
+ vcpu->arch.mp_state = state->mp_state == KVM_MP_STATE_INIT_RECEIVED ?
+		       KVM_MP_STATE_UNINITIALIZED : state->mp_state;
 ...>
 }
