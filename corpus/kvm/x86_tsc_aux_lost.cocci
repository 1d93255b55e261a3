// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_GET_MSRS returns 0 for TSC_AUX
// Noticed by: a Linux guest, whose vDSO reads the CPU's number from TSC_AUX, finds all its CPUs to be number 0 after a migration
// Files: arch/x86/kvm/svm/svm.c
// Reaches: *
// Cases: registers/precopy
// Test: msrs
//
// What must hold: TSC_AUX is the same before and after.

@@
expression info;
struct vcpu_svm *svm;
@@
 svm_get_msr(...)
 {
 <...
- info->data = svm->tsc_aux;
+ info->data = info->host_initiated ? 0 : svm->tsc_aux;
 ...>
 }
