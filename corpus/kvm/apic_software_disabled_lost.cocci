// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_LAPIC enables an APIC that software had disabled
// Noticed by: interrupts come to a CPU that had taken itself out, such as one that is being stopped
// Files: arch/x86/kvm/lapic.c
// Reaches: *
// Cases: apic_smp2/precopy
// Test: disabled*
//
// What must hold: an APIC that is disabled by software takes no interrupts.

@@
expression vcpu, s;
@@
 kvm_apic_set_state(...)
 {
 <...
  memcpy(vcpu->arch.apic->regs, s->regs, sizeof(*s));
+ apic_set_spiv(apic, kvm_lapic_get_reg(apic, APIC_SPIV) | APIC_SPIV_APIC_ENABLED);
 ...>
 }
