// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an exit leaves L2's DR7 in place
// Noticed by: a hypervisor guest stops at its guest's breakpoints
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/none
// Test: host_state
//
// What must hold: an exit sets DR7 to 0x400.

@@
expression vcpu;
@@
 load_vmcs12_host_state(...)
 {
 <...
- kvm_set_dr(vcpu, 7, 0x400);
 ...>
 }
