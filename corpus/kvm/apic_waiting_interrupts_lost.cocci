// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_LAPIC drops interrupts that are pending in IRR with a vector below 64
// Noticed by: a guest loses the interrupt of a device that has low priority
// Files: arch/x86/kvm/lapic.c
// Reaches: *
// Cases: registers/precopy
// Test: apic
//
// What must hold: IRR is the same before and after, and the interrupts in it are delivered.

@@
expression vcpu, s;
@@
 kvm_apic_set_state(...)
 {
 <...
  memcpy(vcpu->arch.apic->regs, s->regs, sizeof(*s));
+ memset(vcpu->arch.apic->regs + APIC_IRR + 0x10, 0, 4);
 ...>
 }
