// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_IRQCHIP forgets which register of the IOAPIC the guest has selected
// Noticed by: a guest that was routing an interrupt writes into another register, and the device is dead
// Files: arch/x86/kvm/ioapic.c
// Cases: devices/precopy
// Test: ioapic_selected
//
// What must hold: IOWIN accesses the register that IOREGSEL has selected last (Intel 82093AA data
// sheet, 3.1).

@@
identifier kvm, state;
expression ioapic;
@@
 kvm_set_ioapic(struct kvm *kvm, struct kvm_ioapic_state *state)
 {
 <...
  memcpy(ioapic, state, sizeof(struct kvm_ioapic_state));
+ ioapic->ioregsel = 0;
 ...>
 }
