// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_VCPU_EVENTS drops an INIT that is pending until RSM
// Noticed by: a CPU goes on although the kernel has stopped it
// Files: arch/x86/kvm/x86.c
// Reaches: smm
// Cases: smm/file
// Test: init_waits
//
// What must hold: an INIT that came in system management mode takes effect after RSM.

@@
@@
 kvm_vcpu_ioctl_x86_set_vcpu_events(...)
 {
 <...
- if (events->smi.latched_init)
- 	set_bit(KVM_APIC_INIT, &vcpu->arch.apic->pending_events);
- else
- 	clear_bit(KVM_APIC_INIT, &vcpu->arch.apic->pending_events);
+ clear_bit(KVM_APIC_INIT, &vcpu->arch.apic->pending_events);
 ...>
 }
