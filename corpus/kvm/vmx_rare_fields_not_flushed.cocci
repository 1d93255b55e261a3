// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the VMCS that is saved while L1 runs lacks L2's segments and descriptor tables as of the last exit
// Noticed by: a nested guest resumes with an older GDT, IDT or FS base when its hypervisor is migrated while it handles an exit
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/precopy
// Test: fields_not_read
//
// What must hold: fields that an exit has saved read the same after a migration in L1,
// although L1 has read none of them before.

// KVM leaves them where L2 ran until L1 reads one of them, or another VMCS becomes
// current.
@@
@@
 vmx_get_nested_state(...)
 {
 <...
- copy_vmcs02_to_vmcs12_rare(...);
 ...>
 }
