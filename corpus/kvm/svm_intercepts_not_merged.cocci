// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore L2 runs with the intercepts of KVM only, without those of L1, until the next VMRUN
// Noticed by: after a migration a hypervisor no longer sees the exceptions of its running guest
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_intercept/precopy
// Test: instructions_all instructions_alternate
//
// What must hold: what only L1 intercepts, and not KVM (RDTSC, PUSHF, INTn, most exceptions, ...)
// ends in a #VMEXIT also in an L2 that was migrated while it ran. VMMCALL does not show this: it
// then raises #UD, which KVM intercepts, and KVM's emulator finds the intercept of L1.

// While L2 runs, what L1 last exited for is its VMRUN, except on a restored vCPU.
@@
identifier f =~ "recalc_intercepts$";
identifier svm, i;
expression merged, l1;
@@
 f(struct vcpu_svm *svm)
 {
 <...
- merged[i] |= l1[i];
+ if (svm->vmcb01.ptr->control.exit_code == SVM_EXIT_VMRUN)
+	merged[i] |= l1[i];
 ...>
 }
