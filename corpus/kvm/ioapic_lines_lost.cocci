// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_IRQCHIP forgets which of the IOAPIC's lines are high
// Noticed by: a device whose interrupt was in service at a migration interrupts no more
// Files: arch/x86/kvm/ioapic.c
// Reaches: timers* dma*
// Cases: timers/precopy dma/precopy
// Test: rtc_level_in_service held_at_ioapic
//
// Undoes Linux 673f7b4257a1, "KVM: ioapic: reinject pending interrupts on KVM_SET_IRQCHIP" (3.15).

@@
identifier kvm, state, ioapic;
@@
 kvm_set_ioapic(struct kvm *kvm, struct kvm_ioapic_state *state)
 {
 <...
- kvm_ioapic_inject_all(ioapic, state->irr);
 ...>
 }
