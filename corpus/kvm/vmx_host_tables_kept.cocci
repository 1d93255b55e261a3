// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an exit does not load GDTR and IDTR from the host state
// Noticed by: a hypervisor guest that was migrated in its guest takes its first interrupt afterwards through its guest's IDT
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/precopy
// Test: registers_from_vmcs
//
// What must hold: after an exit L1 has the descriptor tables of the host state in the VMCS.

// Without a migration most are not hurt: KVM has L1's own registers still. A restore writes
// L2's into their place, before it enters L2.
@@
@@
 load_vmcs12_host_state(...)
 {
 <...
(
- vmcs_writel(GUEST_IDTR_BASE, ...);
|
- vmcs_writel(GUEST_GDTR_BASE, ...);
)
 ...>
 }
