// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_IRQCHIP forgets a poll command that the slave 8259A has got
// Noticed by: a guest that polls the controller misses an interrupt
// Files: arch/x86/kvm/x86.c
// Cases: devices/precopy
// Test: pic_polled
//
// What must hold: the read after a poll command tells which interrupt waits (Intel 8259A data sheet).

@@
expression pic, size, from;
@@
 kvm_vm_ioctl_set_irqchip(...)
 {
 <...
  memcpy(&pic->pics[1], from, size);
+ pic->pics[1].poll = 0;
 ...>
 }
