// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_GET_MSRS returns 0 for MSR_KVM_ASYNC_PF_INT
// Noticed by: a guest waits for ever for a page that has arrived, since KVM does not know the vector any more
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: registers/precopy
// Test: msrs
//
// What must hold: MSR_KVM_ASYNC_PF_INT is the same before and after.

@@
expression info, vcpu;
@@
 kvm_get_msr_common(...)
 {
 <...
- info->data = vcpu->arch.apf.msr_int_val;
+ info->data = info->host_initiated ? 0 : vcpu->arch.apf.msr_int_val;
 ...>
 }
