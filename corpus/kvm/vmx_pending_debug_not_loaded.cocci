// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an entry does not load the pending debug exceptions
// Noticed by: a debugger in a nested guest misses a step when its hypervisor has emulated the instruction
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_order_up/none
// Test: pending_step
//
// What must hold: an entry with a debug exception in the pending-debug-exceptions field
// raises #DB in L2 before its first instruction, or after the next one if MOV SS blocks it.

@@
expression vmcs12;
@@
 prepare_vmcs02_rare(...)
 {
 <...
- vmcs_writel(GUEST_PENDING_DBG_EXCEPTIONS, vmcs12->guest_pending_dbg_exceptions);
+ vmcs_writel(GUEST_PENDING_DBG_EXCEPTIONS, 0);
 ...>
 }
