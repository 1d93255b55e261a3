// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_MP_STATE makes a halted vCPU runnable
// Noticed by: CPUs that the guest has parked go on after their HLT after a migration
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: modes/precopy
// Test: halt_lasts*
//
// What must hold: a CPU that has halted with interrupts off stays so until an NMI, an SMI or INIT.

@@
expression vcpu, state;
@@
 kvm_arch_vcpu_ioctl_set_mpstate(...)
 {
 <...
- vcpu->arch.mp_state = state->mp_state;
+ vcpu->arch.mp_state = state->mp_state == KVM_MP_STATE_HALTED ? KVM_MP_STATE_RUNNABLE :
+			state->mp_state;
 ...>
 }
