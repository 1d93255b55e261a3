// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a Hyper-V timer's message is delivered before its expiration
// Noticed by: time-outs in Windows guests end too soon, and timers are armed again and again
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_stimer/none
// Test: oneshot periodic

@@
expression now, delta;
identifier stimer;
@@
 stimer_start(struct kvm_vcpu_hv_stimer *stimer)
 {
 <...
- stimer_add_delta(now, delta)
+ stimer_add_delta(now, (delta) / 2)
 ...>
 }

@@
identifier vcpu;
expression now, expiration, stimer;
@@
 kvm_hv_process_stimers(struct kvm_vcpu *vcpu)
 {
 <...
- if (now >= expiration)
-	stimer_expiration(stimer);
+ stimer_expiration(stimer);
 ...>
 }
