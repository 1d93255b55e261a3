// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_LAPIC sets DFR and LDR to their values after a reset
// Noticed by: interrupts with a logical destination reach no CPU, or all of them
// Files: arch/x86/kvm/lapic.c
// Reaches: *
// Cases: registers/precopy
// Test: apic
//
// What must hold: LDR and DFR are the same before and after.

@@
expression vcpu, s;
@@
 kvm_apic_set_state(...)
 {
 <...
  memcpy(vcpu->arch.apic->regs, s->regs, sizeof(*s));
+ memset(vcpu->arch.apic->regs + APIC_LDR, 0, 4);
+ memset(vcpu->arch.apic->regs + APIC_DFR, 0xff, 4);
 ...>
 }
