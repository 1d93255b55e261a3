// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: VMRUN does not load CR2 from the VMCB
// Noticed by: a hypervisor with shadow paging cannot reflect a page fault: its guest sees the address of another one
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_memory/none
// Test: cr2
//
// What must hold: the first value that L2 reads from CR2 is that of the VMCB at VMRUN, whatever L1
// has in CR2.

@@
expression svm, value;
@@
 nested_vmcb02_prepare_save(...)
 {
 <...
- svm->vcpu.arch.cr2 = value;
 ...>
 }
