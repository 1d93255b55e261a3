// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: VMLOAD and VMSAVE leave KernelGSbase out
// Noticed by: SWAPGS in the kernel of a nested guest loads the per-CPU data of its hypervisor, and the guest crashes at once
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_state/none
// Test: vmload_state_passes_exit registers_from_vmcb
//
// What must hold: VMLOAD loads FS, GS, TR, LDTR with their hidden parts, KernelGSbase,
// STAR, LSTAR, CSTAR, SFMASK and the SYSENTER MSRs from the VMCB, and VMSAVE stores
// all of them.

@@
expression to, from;
@@
 svm_copy_vmloadsave_state(...)
 {
 <...
- to->save.kernel_gs_base = from->save.kernel_gs_base;
 ...>
 }
