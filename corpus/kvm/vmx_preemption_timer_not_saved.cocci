// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: neither an exit nor the saved state has the remaining time of the VMX-preemption timer
// Noticed by: a nested guest that exits or is migrated often enough is never preempted
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_time_up/precopy
// Test: preemption_timer_saved
//
// What must hold: with "save VMX-preemption timer value" the VMCS has after an exit what
// was left of the timer, and the time for which L2 has run before a migration counts.

// Without that control KVM has a deadline in the saved state. To forget it there is not
// noticed: QEMU does not carry it, so that the timer begins anew in any case
// (docs/findings.md).
@@
expression vcpu, vmcs12;
@@
 sync_vmcs02_to_vmcs12(...)
 {
 <...
- vmcs12->vmx_preemption_timer_value = vmx_get_preemption_timer_value(vcpu);
+ ;
 ...>
 }
