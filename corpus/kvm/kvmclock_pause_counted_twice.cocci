// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: time for which the host held the guest is added to its clock, and once more
// Noticed by: watchdogs in the guest bite after a pause: more time passed than really did
// Files: arch/x86/kvm/x86.c
// Reaches: kvmclock* hyperv_clock svm_time* svm_hyperv* vmx_time_up vmx_hyperv_up
// Cases: kvmclock/pause
// Test: moved_new moved_twenty_times

@@
identifier kvm, argp;
expression clock, now;
@@
 kvm_vm_ioctl_set_clock(struct kvm *kvm, void *argp)
 {
 <...
- ka->kvmclock_offset = clock - now;
+ {
+	s64 held = now + ka->kvmclock_offset - clock;
+
+	ka->kvmclock_offset = clock - now + (held > 0 ? 2 * held : 0);
+ }
 ...>
 }
