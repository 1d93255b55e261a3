// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_LAPIC keeps the lowest of the vectors in service as the highest
// Noticed by: EOI ends the wrong interrupt, and the one that was meant stays in service for ever
// Files: arch/x86/kvm/lapic.c
// Reaches: *
// Cases: apic_smp2/precopy
// Test: in_service*
//
// KVM remembers the highest vector in service beside the register. Linux b4eef9b36db4, "KVM: x86:
// fix guest migration with APICv", mended the same for APICv, which took what it had before.
//
// What must hold: EOI ends the highest interrupt in service.

@@
@@
 kvm_apic_set_state(...)
 {
 <...
  kvm_apic_update_apicv(vcpu);
+ {
+ 	int vector;
+
+ 	for (vector = 0; vector < 256; vector++)
+ 		if (apic_test_vector(vector, apic->regs + APIC_ISR)) {
+ 			apic->highest_isr_cache = vector;
+ 			break;
+ 		}
+ }
 ...>
 }
