// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: L2's pending debug exceptions are not in the saved VMCS
// Noticed by: a debugger in a nested guest misses a step at a migration
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_order_up/precopy
// Test: pending_at_exit
//
// What must hold: the pending-debug-exceptions field has the same value in the VMCS after an exit
// and a migration in L1, and raises #DB in L2 after the next entry.

@@
expression vmcs12;
@@
 sync_vmcs02_to_vmcs12_rare(...)
 {
 <...
- vmcs12->guest_pending_dbg_exceptions = vmcs_readl(GUEST_PENDING_DBG_EXCEPTIONS);
 ...>
 }
