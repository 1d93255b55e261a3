// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a Hyper-V timer that user space restores after a migration is not started
// Noticed by: Windows stops scheduling after a live migration: its clock interrupt never comes
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_stimer/precopy
// Test: oneshot_across_move periodic_across_move

@@
identifier f =~ "^stimer_set_(config|count)$";
identifier stimer, value, host;
@@
 f(struct kvm_vcpu_hv_stimer *stimer, u64 value, bool host)
 {
 ...
- if (stimer->config.enable)
+ if (stimer->config.enable && !host)
	stimer_mark_pending(stimer, false);
 ...
 }
