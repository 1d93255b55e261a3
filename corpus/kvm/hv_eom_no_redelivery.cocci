// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: EOM does not deliver the message that is waiting for its slot
// Noticed by: one lost timer message, then a Windows guest whose time stands still
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_stimer/none
// Test: busy_slot

@@
identifier vcpu, sint;
expression stimer;
@@
 kvm_hv_notify_acked_sint(struct kvm_vcpu *vcpu, u32 sint)
 {
 <...
- stimer_mark_pending(stimer, false);
+ ;
 ...>
 }
