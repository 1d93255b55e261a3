// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an INIT resets a vCPU and leaves it in guest mode (ed129ec9057f, "KVM: x86: forcibly leave nested mode on vCPU reset", undone; CVE-2022-3344)
// Noticed by: a guest that restarts a CPU while its nested guest runs there crashes the host
// Files: arch/x86/kvm/x86.c
// Reaches: svm_* vmx_*
// Cases: svm_event/none
// Test: init_in_l2
//
// What must hold: a CPU that was reset is in L1, and can enter an L2.

@@
expression vcpu;
@@
 kvm_vcpu_reset(...)
 {
 <...
- if (is_guest_mode(vcpu))
-	kvm_leave_nested(vcpu);
 ...>
 }
