// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore KVM does not look for the enlightened VMCS, and writes the next exit elsewhere
// Noticed by: a Hyper-V guest that was migrated while its guest ran sees the exit before the migration again and again
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_evmcs_up/precopy
// Test: moved_in_l2
//
// What must hold: an exit of an L2 that was entered by an enlightened VMCS is written to
// that page, although L2 was migrated since its entry.

// So it was when L2 exited before it ran on, until "KVM: nVMX: Always make an attempt to
// map eVMCS after migration" of 2021.
@@
expression vmx;
@@
 nested_get_evmcs_page(...)
 {
 <...
- vmx->nested.hv_evmcs_vmptr == EVMPTR_MAP_PENDING
+ false
 ...>
 }
