// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an exit does not save EFER although L1 wants it to
// Noticed by: a nested guest that has enabled SYSCALL itself loses it when its hypervisor is rescheduled
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/none
// Test: registers_written_in_l2
//
// What must hold: with "save IA32_EFER" in the exit controls, an exit saves EFER as L2
// has it.

@@
expression vmcs12, vcpu;
@@
 sync_vmcs02_to_vmcs12(...)
 {
 <...
- if (vmcs12->vm_exit_controls & VM_EXIT_SAVE_IA32_EFER)
-	vmcs12->guest_ia32_efer = vcpu->arch.efer;
 ...>
 }
