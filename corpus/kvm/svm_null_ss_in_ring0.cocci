// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_SREGS takes a CPU whose SS is null for one in ring 0
// Noticed by: a guest that is migrated in an outer ring, with a null SS, goes on in ring 0
// Files: arch/x86/kvm/svm/svm.c
// Reaches: *
// Cases: modes/precopy
// Test: ring*
// Missed: the IRET of the lab's emulated CPU leaves a null SS usable, so only a real CPU shows it
//
// What must hold: the privilege level is the same before and after, also where SS is null.
//
// The VMCB has the level in CPL and in SS.DPL, and not every CPU takes it from CPL.

@@
identifier svm, s, var;
@@
 svm_set_segment(...)
 {
 	struct vcpu_svm *svm = ...;
 	struct vmcb_seg *s = ...;
+	u8 dpl = var->unusable ? 0 : var->dpl;
 <...
- var->dpl
+ dpl
 ...>
 }
