// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: MSRs that VMLOAD loads go into the VMCB of L2 if they are set while the vCPU is in L2, and KVM never loads them from there
// Noticed by: after a migration the first system call in a nested guest, or in its hypervisor, jumps to address 0
// Files: arch/x86/kvm/svm/svm.c
// Cases: svm_state/precopy
// Test: registers_from_vmcb registers_written_in_l2
//
// What must hold: STAR, LSTAR, CSTAR, SFMASK and KernelGSbase read the same in L2
// before and after a migration, and in L1 after the next #VMEXIT too: VMRUN and #VMEXIT do
// not touch them.

@@
identifier reg =~ "^(star|lstar|cstar|sfmask|kernel_gs_base)$";
expression svm, value;
@@
- svm->vmcb01.ptr->save.reg = value;
+ svm->vmcb->save.reg = value;
