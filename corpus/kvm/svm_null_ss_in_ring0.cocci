// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_SREGS takes a CPU whose SS is null for one in ring 0
// Noticed by: a guest that is migrated in an outer ring, with a null SS, goes on in ring 0
// Files: arch/x86/kvm/svm/svm.c
// Reaches: *
// Cases: modes/precopy
// Test: ring*
//
// What must hold: The privilege level is the same before and after, also where SS is null (a44b331614e6, "KVM: x86/vmx: Do not skip segment attributes if unusable bit is set", mended the same on VMX).

@@
expression svm, var;
@@
 svm_set_segment(...)
 {
 <...
- svm->vmcb->save.cpl = (var->dpl & 3);
+ svm->vmcb->save.cpl = var->unusable ? 0 : (var->dpl & 3);
 ...>
 }
