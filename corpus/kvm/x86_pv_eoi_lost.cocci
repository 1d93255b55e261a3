// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_GET_MSRS returns 0 for MSR_KVM_PV_EOI_EN
// Noticed by: a guest that has paravirtual EOI on gets slow after a migration, or loses an EOI
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: registers/precopy
// Test: msrs
//
// What must hold: MSR_KVM_PV_EOI_EN is the same before and after.

@@
expression info, vcpu;
@@
 kvm_get_msr_common(...)
 {
 <...
- info->data = vcpu->arch.pv_eoi.msr_val;
+ info->data = info->host_initiated ? 0 : vcpu->arch.pv_eoi.msr_val;
 ...>
 }
