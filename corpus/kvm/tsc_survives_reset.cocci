// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: user space's write of 1 to a vCPU's TSC does not reset it, so the TSC goes on after a reset
// Noticed by: Windows hangs at a reboot after a long uptime
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: devices
// Plan: mixed
// Test: host-check
//
// KVM takes a write of 0 for a vCPU that was hotplugged, and synchronizes it with the others. So
// QEMU writes 1 (its commit 5286c3662294, in 7.0). A KVM that takes 1 for a hotplug, too, has the
// same effect as an older QEMU.

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
