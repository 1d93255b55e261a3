// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: state that user space restored before the nested state stays in the VMCB of L1 and is not copied into the VMCB of L2
// Noticed by: a nested guest ends with an invalid VMRUN after a migration, as if its hypervisor had not set its segments
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_state/precopy
// Test: registers_from_vmcb segments
//
// What must hold: segments, GDTR, IDTR, CPL, CR0, CR4 and EFER of L2 are the same
// before and after a migration in L2.

@@
expression svm;
@@
 svm_set_nested_state(...)
 {
 <...
  if (is_guest_mode(...))
	svm_leave_nested(...);
- else
-	svm->nested.vmcb02.ptr->save = svm->vmcb01.ptr->save;
 ...>
 }
