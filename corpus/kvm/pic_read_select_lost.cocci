// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_IRQCHIP forgets which register a read of the slave 8259A returns
// Noticed by: a guest takes a pending interrupt for one in service, and drops it as spurious
// Files: arch/x86/kvm/x86.c
// Cases: devices/precopy
// Test: pic_read_selected
//
// What must hold: the register that OCW3 has selected stays selected (Intel 8259A data sheet).

@@
expression pic, size, from;
@@
 kvm_vm_ioctl_set_irqchip(...)
 {
 <...
  memcpy(&pic->pics[1], from, size);
+ pic->pics[1].read_reg_select = 0;
 ...>
 }
