// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: EXITINTINFO is never valid
// Noticed by: a nested guest loses an interrupt whenever a page of its stack or IDT has to be faulted in
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_event/none
// Test: fault_delivering_int_n npf_delivering_*
//
// What must hold: if the delivery of an event to L2 is cut short by a #VMEXIT (NPF or
// an intercepted exception), EXITINTINFO names that event, so that L1 can inject it
// again.

// KVM has this since "KVM: nSVM: synthesize correct EXITINTINFO on vmexit" (36e2e98363e6).
@@
expression vmcb12, info;
@@
 nested_save_pending_event_to_vmcb12(...)
 {
 <...
- vmcb12->control.exit_int_info = info;
+ vmcb12->control.exit_int_info = info & ~SVM_EVTINJ_VALID;
 ...>
 }
