// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_VCPU_EVENTS forgets a pending SMI
// Noticed by: firmware never gets an SMI, and the guest waits for its answer
// Files: arch/x86/kvm/x86.c
// Reaches: smm
// Cases: smm/precopy
// Test: smi_waits
//
// What must hold: an SMI that came in system management mode is taken after RSM.

@@
@@
 kvm_vcpu_ioctl_x86_set_vcpu_events(...)
 {
 <...
- vcpu->arch.smi_pending = events->smi.pending;
 ...>
 }
