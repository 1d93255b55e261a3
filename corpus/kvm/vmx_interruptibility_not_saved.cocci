// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an exit does not save the blocking of interrupts and NMIs in L2
// Noticed by: a nested guest is interrupted right after its STI, and an NMI interrupts an NMI handler
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_event_up/none
// Test: blocking_at_exit
//
// What must hold: the interruptibility state after an exit says how L2 blocked events:
// by STI, by MOV SS, by NMI.

@@
expression vmcs12;
@@
 sync_vmcs02_to_vmcs12(...)
 {
 <...
- vmcs12->guest_interruptibility_info = vmcs_read32(GUEST_INTERRUPTIBILITY_INFO);
 ...>
 }
