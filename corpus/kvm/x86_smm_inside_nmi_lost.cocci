// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_GET_VCPU_EVENTS does not report that an SMI has interrupted an NMI handler
// Noticed by: NMIs nest after RSM, on one stack
// Files: arch/x86/kvm/x86.c
// Reaches: smm
// Cases: smm/precopy
// Test: nmi_blocked_behind
//
// What must hold: after RSM NMIs are blocked if they were before the SMI.

@@
@@
 kvm_vcpu_ioctl_x86_get_vcpu_events(...)
 {
 <...
- events->smi.smm_inside_nmi = ...;
+ events->smi.smm_inside_nmi = 0;
 ...>
 }
