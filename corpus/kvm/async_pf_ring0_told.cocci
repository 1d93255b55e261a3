// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: asynchronous page faults come in ring 0, although the guest has enabled them for user mode only
// Noticed by: the guest's kernel takes a page fault where it cannot sleep, and dies
// Files: arch/x86/kvm/x86.c
// Reaches: async_pf*
// Cases: async_pf/postcopy
// Test: ring0_is_spared
//
// What must hold: bit 1 of MSR_KVM_ASYNC_PF_EN says whether they come in ring 0.

@@
expression vcpu, data;
@@
 kvm_pv_enable_async_pf(...)
 {
 <...
- vcpu->arch.apf.send_user_only = !(data & KVM_ASYNC_PF_SEND_ALWAYS);
+ vcpu->arch.apf.send_user_only = false;
 ...>
 }
