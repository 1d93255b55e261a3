// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: user space's write of 1 to a vCPU's TSC does not reset it: the TSC goes on over a reset
// Noticed by: Windows hangs at a reboot after a long uptime
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: devices
// Plan: mixed
// Test: host-check
//
// KVM takes a write of 0 for a vCPU that was hotplugged, and puts it in step with the others. So QEMU
// writes 1 (its commit 5286c3662294, in 7.0); a KVM that takes that for a hotplug, too, is the same
// bug seen from the other side.

@@
identifier vcpu, data;
@@
 kvm_synchronize_tsc(struct kvm_vcpu *vcpu, u64 data)
 {
 <...
- data == 0
+ data <= 1
 ...>
 }
