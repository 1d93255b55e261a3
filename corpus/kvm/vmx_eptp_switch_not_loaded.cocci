// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: VMFUNC changes the EPT pointer in the VMCS only, and L2 runs on with the EPT that it had
// Noticed by: a nested guest that uses VMFUNC for protection is in the wrong view of its memory
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_ept_up/none
// Test: eptp_switching
//
// What must hold: after VMFUNC 0 L2 uses the EPT that it has chosen from the list.

@@
expression vcpu, vmcs12, new;
@@
 nested_vmx_eptp_switching(...)
 {
 <...
  vmcs12->ept_pointer = new;
- nested_ept_new_eptp(vcpu);
 ...>
 }
