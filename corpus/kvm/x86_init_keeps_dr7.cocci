// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an INIT leaves DR7 as it is
// Noticed by: a guest's CPU that is taken offline and online again has breakpoints at address 0
// Files: arch/x86/kvm/x86.c
// Reaches: modes*
// Cases: modes/none modes/precopy
// Test: init_then_action action_then_init
//
// What must hold: DR7 is 0x400 after an INIT.

@@
expression vcpu;
@@
 kvm_vcpu_reset(...)
 {
 <...
- vcpu->arch.dr7 = DR7_FIXED_1;
 ...>
 }
