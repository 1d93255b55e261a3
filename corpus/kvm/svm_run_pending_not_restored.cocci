// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_NESTED_STATE forgets that VMRUN is not complete (81f76adad560, "KVM: nSVM: correctly restore nested_run_pending on migration", undone)
// Noticed by: a nested guest hangs after its hypervisor was migrated under load: an interrupt exits before VMRUN has delivered the event, which is lost
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_event_up/cycle@kick
// Test: many_events
//
// What must hold: an event that VMRUN delivers comes before any other, and is never lost.

@@
expression svm, value;
@@
 svm_set_nested_state(...)
 {
 <...
- svm->nested.nested_run_pending = value;
+ svm->nested.nested_run_pending = 0;
 ...>
 }
