// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_LAPIC restores the in-service register, and KVM takes it for empty
// Noticed by: an interrupt comes in the middle of a handler of a higher one; EOI does nothing, so devices fall silent
// Files: arch/x86/kvm/lapic.c
// Reaches: *
// Cases: apic_smp2/precopy
// Test: in_service*
//
// KVM counts what is in service, since it looks at EOI for the highest only if there is any
// (8680b94b0e6046af2644c17313287ec0cb5843dc, "KVM: optimize ISR lookups").
//
// What must hold: what is in service holds back lower interrupts, until its EOI.

@@
@@
 kvm_apic_set_state(...)
 {
 <...
  kvm_apic_update_apicv(vcpu);
+ apic->isr_count = apic->apicv_active ? 1 : 0;
 ...>
 }
