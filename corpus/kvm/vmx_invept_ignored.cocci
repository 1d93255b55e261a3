// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: INVEPT does nothing
// Noticed by: a hypervisor guest takes a page away from its guest, which goes on using it
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_memory_up/none
// Test: invept_context
//
// What must hold: after INVEPT no access of L2 uses an EPT entry as it was before.

@@
expression vcpu, mmu, roots;
@@
 handle_invept(...)
 {
 <...
- kvm_mmu_free_roots(vcpu->kvm, mmu, roots);
+ ;
 ...>
 }
