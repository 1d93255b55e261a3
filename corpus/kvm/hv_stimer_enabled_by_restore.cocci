// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the count that user space restores enables a Hyper-V timer that has AutoEnable
// Noticed by: Windows guests get spurious timer interrupts after a restore
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_stimer/precopy
// Test: auto_enable_disabled_across_move registers_across_move
//
// Undoes Linux d6800af51c76, "KVM: x86: hyper-v: Don't auto-enable stimer on write from user-space"
// (6.7).

@@
identifier stimer, count, host;
statement S1, S2;
@@
 stimer_set_count(struct kvm_vcpu_hv_stimer *stimer, u64 count, bool host)
 {
 ...
- if (!host) {
  if (stimer->count == 0) S1 else S2
- }
 ...
 }
