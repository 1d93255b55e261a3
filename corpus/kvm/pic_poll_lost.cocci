// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_IRQCHIP forgets a pending poll command of the slave 8259A
// Noticed by: a guest that polls the controller misses an interrupt
// Files: arch/x86/kvm/x86.c
// Cases: devices/precopy
// Test: pic_polled
//
// What must hold: the read after a poll command says which interrupt is pending (Intel 8259A data
// sheet).

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
