// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_VCPU_EVENTS does not set the interrupt shadow
// Noticed by: a guest that is stopped right after STI takes an interrupt one instruction early: an idle CPU between STI and HLT then sleeps although the interrupt has come
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: modes/cycle@kick
// Test: sti_shadow
//
// What must hold: no interrupt comes between STI and the instruction that follows.

@@
expression vcpu, events;
@@
 kvm_vcpu_ioctl_x86_set_vcpu_events(...)
 {
 <...
  vcpu->arch.interrupt.soft = events->interrupt.soft;
+ events->flags &= ~KVM_VCPUEVENT_VALID_SHADOW;
 ...>
 }
