// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: TSCs that user space restores are not matched: each vCPU gets an offset of its own
// Noticed by: after a migration the guest's clock is slow to read, and its CPUs' TSCs are apart
// Files: arch/x86/kvm/x86.c
// Reaches: *
// Cases: kvmclock/precopy timers/precopy hyperv_clock/precopy
// Test: stable_flag_kept tscs_in_step page_stays_valid
//
// KVM compares a vCPU's TSC with a value that lacks the TSC that the vCPU before it was given. So
// only TSCs of new VMs match.

@@
expression kvm, cycles;
identifier tsc_exp;
@@
- u64 tsc_exp = kvm->arch.last_tsc_write + cycles;
+ u64 tsc_exp = cycles;
