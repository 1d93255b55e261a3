// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_LAPIC restores LVT0, and does not count a vCPU whose LINT0 brings NMIs
// Noticed by: the NMI watchdog of an old kernel is dead after a migration
// Files: arch/x86/kvm/lapic.c
// Reaches: *
// Cases: apic_smp2/precopy
// Test: lint0_nmi
//
// Undoes Linux db1385624c68, "KVM: x86: properly restore LVT0" (4.2).
//
// What must hold: a PIT whose interrupts come as NMIs goes on doing so.

@@
expression apic, lvt0;
@@
 kvm_apic_set_state(...)
 {
 <...
- apic_manage_nmi_watchdog(apic, lvt0);
 ...>
 }
