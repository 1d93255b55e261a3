// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_SREGS makes each code segment that is not 64-bit a 32-bit one
// Noticed by: 16-bit code in protected mode runs wild after a migration
// Files: arch/x86/kvm/x86.c
// Reaches: modes* smm*
// Cases: modes/precopy
// Test: code16
//
// What must hold: a code segment keeps its default size.

@@
expression vcpu, sregs;
@@
 __set_sregs_common(...)
 {
 <...
+ if (is_protmode(vcpu) && !sregs->cs.l && !(sregs->cs.selector & 3))
+ 	sregs->cs.db = 1;
  kvm_set_segment(vcpu, &sregs->cs, VCPU_SREG_CS);
 ...>
 }
