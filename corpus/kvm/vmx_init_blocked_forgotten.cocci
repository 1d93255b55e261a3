// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_VCPU_EVENTS takes a pending INIT only for a vCPU in system management mode
// Noticed by: a hypervisor in the guest does not stop a CPU that was sent an INIT, if the guest is migrated at that moment
// Files: arch/x86/kvm/x86.c
// Reaches: svm_event* vmx_activity*
// Cases: vmx_activity/file
// Test: init_pending init_waits_for_vmxoff
//
// What must hold: an INIT that comes in VMX root operation takes effect after VMXOFF or at the next
// VM entry.

@@
@@
 kvm_vcpu_ioctl_x86_set_vcpu_events(...)
 {
 <...
- if (events->smi.latched_init)
+ if (events->smi.latched_init && events->smi.smm)
 	set_bit(KVM_APIC_INIT, &vcpu->arch.apic->pending_events);
 else
 	clear_bit(KVM_APIC_INIT, &vcpu->arch.apic->pending_events);
 ...>
 }
