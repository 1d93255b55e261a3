// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_IRQCHIP forgets that the slave 8259A waits for the rest of its initialisation
// Noticed by: a guest that was migrated while it booted or crashed has masks where it wrote modes, and no interrupts
// Files: arch/x86/kvm/x86.c
// Cases: devices/precopy
// Test: pic_half_initialised
//
// What must hold: after ICW1 the controller takes ICW2, ICW3 and ICW4, whenever they come (Intel 8259A data sheet).

@@
expression pic, size, from;
@@
 kvm_vm_ioctl_set_irqchip(...)
 {
 <...
  memcpy(&pic->pics[1], from, size);
+ pic->pics[1].init_state = 0;
 ...>
 }
