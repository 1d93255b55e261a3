// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an INIT does not clear KVM's copy of CR3 (03a6e84069d1, "KVM: x86: Clear KVM's cached guest CR3 at RESET/INIT", undone)
// Noticed by: a CPU that waits for a SIPI while the guest is migrated begins with an old CR3
// Files: arch/x86/kvm/x86.c
// Reaches: modes*
// Cases: modes/none modes/precopy
// Test: init_then_action action_then_init
//
// What must hold: CR3 is 0 after an INIT.

@@
expression vcpu;
@@
 kvm_vcpu_reset(...)
 {
 <...
- vcpu->arch.cr3 = 0;
- kvm_register_mark_dirty(vcpu, VCPU_EXREG_CR3);
 ...>
 }
