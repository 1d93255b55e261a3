// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_IRQCHIP forgets that the slave 8259A ends interrupts by itself
// Noticed by: a guest that uses this mode gets one more interrupt from each line, and then none
// Files: arch/x86/kvm/x86.c
// Cases: devices/precopy
// Test: pic_automatic_eoi
//
// What must hold: the mode that the last ICW4 has set stays until the next initialisation (Intel 8259A data sheet).

@@
expression pic, size, from;
@@
 kvm_vm_ioctl_set_irqchip(...)
 {
 <...
  memcpy(&pic->pics[1], from, size);
+ pic->pics[1].auto_eoi = 0;
 ...>
 }
