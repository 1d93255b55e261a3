// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_SREGS does not set LDTR
// Noticed by: a 16-bit program in Wine or dosemu, which uses an LDT, gets a fault after a migration
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: modes/precopy registers/precopy
// Test: protected code16 effects
//
// What must hold: segments can be loaded from the LDT.

@@
expression vcpu, sregs;
@@
 __set_sregs_common(...)
 {
 <...
- kvm_set_segment(vcpu, &sregs->ldt, VCPU_SREG_LDTR);
 ...>
 }
