// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an exit leaves L2's SYSENTER registers in place
// Noticed by: a hypervisor guest whose programs use SYSENTER jumps to an address of its guest
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/none
// Test: host_state
//
// What must hold: after an exit L1 has the registers of the host state in the VMCS.

@@
@@
 load_vmcs12_host_state(...)
 {
 <...
(
- vmcs_write32(GUEST_SYSENTER_CS, ...);
|
- vmcs_writel(GUEST_SYSENTER_ESP, ...);
|
- vmcs_writel(GUEST_SYSENTER_EIP, ...);
)
 ...>
 }
