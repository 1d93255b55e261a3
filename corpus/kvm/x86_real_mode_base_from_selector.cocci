// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_SREGS computes the bases of FS and GS from their selectors if the CPU is in real mode
// Noticed by: firmware and boot loaders that use "unreal mode" crash after a migration
// Files: arch/x86/kvm/x86.c
// Reaches: modes* smm*
// Cases: modes/precopy
// Test: real
//
// KVM for Intel did this where the CPU has no unrestricted guests.
//
// What must hold: a segment keeps its base and limit when the CPU leaves protected mode.

@@
expression vcpu, sregs;
@@
 __set_sregs_common(...)
 {
 <...
- kvm_set_segment(vcpu, &sregs->fs, VCPU_SREG_FS);
- kvm_set_segment(vcpu, &sregs->gs, VCPU_SREG_GS);
+ if (!is_protmode(vcpu)) {
+ 	sregs->fs.base = sregs->fs.selector << 4;
+ 	sregs->gs.base = sregs->gs.selector << 4;
+ }
+ kvm_set_segment(vcpu, &sregs->fs, VCPU_SREG_FS);
+ kvm_set_segment(vcpu, &sregs->gs, VCPU_SREG_GS);
 ...>
 }
