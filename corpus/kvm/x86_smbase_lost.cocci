// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_MSRS ignores MSR_IA32_SMBASE
// Noticed by: the first SMI after a migration begins at 0x38000, where there is no handler
// Files: arch/x86/kvm/x86.c
// Reaches: smm
// Cases: smm/precopy
// Test: base_kept
//
// What must hold: an SMI begins at the SMBASE that firmware has set.

@@
@@
 kvm_set_msr_common(...)
 {
 <...
- vcpu->arch.smbase = data;
 ...>
 }
