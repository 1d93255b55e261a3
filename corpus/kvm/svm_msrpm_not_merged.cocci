// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore L2 runs with the MSR permission bitmap that KVM has for L1, without that of L1 itself
// Noticed by: after a migration a nested guest reads and writes MSRs of its hypervisor, without an exit
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_intercept/precopy
// Test: msr_read_first msr_write_first
//
// What must hold: RDMSR and WRMSR in L2 of MSRs that the bitmap of L1 intercepts end in a #VMEXIT
// after a migration too, above all of MSRs that KVM passes through: STAR, LSTAR, CSTAR, SFMASK,
// FS.base, GS.base, KernelGSbase, SYSENTER_CS.

@@
identifier f =~ "^nested_svm_(vmrun|merge)_msrpm$";
expression whose;
@@
 svm_get_nested_state_pages(...)
 {
 <...
- if (!f(whose)) {
-	...
- }
 ...>
 }
