// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_SREGS2 takes no PDPTEs over from user space, nor does it load them from memory
// Noticed by: a 32-bit guest with PAE paging crashes after a migration
// Files: arch/x86/kvm/x86.c
// Reaches: modes*
// Cases: modes/precopy
// Test: pae
// KVM: npt=0
//
// Undoes a part of Linux 6dba94035203, "KVM: x86: Introduce KVM_GET_SREGS2 / KVM_SET_SREGS2".
//
// What must hold: PAE paging goes on through the same tables.

@@
expression vcpu, i, e;
@@
 __set_sregs2(...)
 {
 <...
- kvm_pdptr_write(vcpu, i, e);
+ kvm_pdptr_write(vcpu, i, 0);
 ...>
 }
