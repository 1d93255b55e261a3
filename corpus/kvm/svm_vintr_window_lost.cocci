// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: when KVM stops using V_IRQ itself, it drops L1's V_IRQ
// Noticed by: interrupts for a nested guest are late or lost: its hypervisor waits for #VMEXIT(VINTR) in vain
// Files: arch/x86/kvm/svm/svm.c
// Cases: svm_event/none
// Test: virq_intercepted
//
// What must hold: with V_IRQ and the VINTR intercept in the VMCB, #VMEXIT(VINTR) comes
// as soon as L2 can take an interrupt, at once if it can at VMRUN, and before it does.

@@
expression control, cached;
@@
 svm_clear_vintr(...)
 {
 <...
- control.int_ctl |= cached.int_ctl & V_IRQ_INJECTION_BITS_MASK;
 ...>
 }
