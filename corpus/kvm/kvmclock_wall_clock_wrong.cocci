// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the wall clock that is written is the host's time, not the time at the guest's boot
// Noticed by: a guest that reads its wall clock late, after a resume, sets its time into the future
// Files: arch/x86/kvm/x86.c
// Reaches: kvmclock* hyperv_clock svm_time* svm_hyperv* vmx_time_up vmx_hyperv_up
// Cases: kvmclock/none
// Test: wall_clock_*

@@
identifier kvm, wall_clock, sec_hi_ofs;
expression wall;
@@
 kvm_write_wall_clock(struct kvm *kvm, gpa_t wall_clock, int sec_hi_ofs)
 {
 <...
- wall = ktime_get_real_ns() - get_kvmclock_ns(kvm);
+ wall = ktime_get_real_ns();
 ...>
 }
