// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: EXITINFO1 of #VMEXIT(NPF) lacks the error code of the walk through the page table of L1
// Noticed by: a hypervisor takes a write fault for a read fault, maps the page read-only, and its guest hangs
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_memory/none
// Test: npf npf_warm
//
// What must hold: EXITINFO1 of #VMEXIT(NPF) tells whether the nested entry was
// present, and whether the access was a write, by user or system, or a fetch.

@@
expression vmcb, fault, stage, mask;
@@
 nested_svm_inject_npf_exit(...)
 {
 <...
(
- vmcb->control.exit_info_1 |= fault->error_code;
|
- vmcb->control.exit_info_1 = stage | (fault->error_code & mask);
+ vmcb->control.exit_info_1 = stage;
)
 ...>
 }
