// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the time for which the host stopped the guest is added to its clock twice
// Noticed by: watchdogs in the guest fire after a pause: more time has passed on its clock than in reality
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
